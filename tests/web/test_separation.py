from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.urls import reverse
from django.utils import timezone

from governance.access.models import Assignment, Inclusion
from governance.changes.models import ProposedChange
from governance.core.actor import Role
from governance.identities.models import Identity
from governance.separation import actions
from governance.separation.models import Mitigation, SeparationRule, SeparationViolation
from governance.separation.states import MitigationState, VersionState
from tests.apart import administrator, confers, kept_apart, mitigated, proposed, put_in_force
from tests.builders import Organisation, actor, entitlement, keep, machine, person, portal_role
from tests.changing import bundle, steps_of
from tests.leases import approve
from tests.web.conftest import Visit

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


class Scene(Organisation):
    """The requester holds both sides of a rule, one of them through another entitlement."""

    def __init__(self) -> None:
        super().__init__()
        self.pay, self.lead = (entitlement(self.system, self.owner, name=name) for name in ("Pay", "Lead"))
        confers(self.lead, self.pay)
        self.apart = kept_apart(self.entitlement, self.pay, owner=self.backup)
        for one in (self.entitlement, self.lead):
            keep(Assignment(account=self.account, entitlement=one, wanted=True))
        actions.scan(now=timezone.now())
        self.violation = SeparationViolation.objects.get()


@pytest.fixture
def scene() -> Scene:
    return Scene()


def holding(role: Role) -> Identity:
    one = person(role.title())
    portal_role(one, role)
    return one


def text(response: Any) -> str:
    return " ".join(response.content.decode().split())


class TestViolations:
    def test_are_listed_and_exported(self, scene: Scene, visit: Visit) -> None:
        client = visit(holding(Role.AUDITOR))
        page = text(client.get(reverse("violation-list")))
        assert str(scene.violation) in page
        file: Any = client.get(reverse("violation-list"), {"as": "csv"})
        assert scene.apart.key in b"".join(file.streaming_content).decode()

    @pytest.mark.parametrize(("query", "found"), [("state=open", 1), ("state=mitigated", 0), ("severity=low", 0)])
    def test_are_filtered(self, scene: Scene, visit: Visit, query: str, found: int) -> None:
        page = text(visit(holding(Role.AUDITOR)).get(f"{reverse('violation-list')}?{query}"))
        assert page.count(f">{scene.violation}<") == found

    def test_show_the_way_to_each_side(self, scene: Scene, visit: Visit) -> None:
        page = text(visit(scene.backup).get(reverse("violation-detail", args=[scene.violation.pk])))
        assert "which confers" in page
        assert str(scene.lead) in page
        assert "Nothing covers it" in page

    def test_are_not_there_for_strangers(self, scene: Scene, visit: Visit) -> None:
        address = reverse("violation-detail", args=[scene.violation.pk])
        assert visit(scene.stranger).get(address).status_code == 404
        assert visit(scene.requester).get(address).status_code == 200
        assert visit(scene.manager).get(address).status_code == 200


class TestMitigations:
    def asked(self, **fields: str) -> dict[str, str]:
        day = timezone.now() + 10 * DAY
        said = {"reason": "Nobody else knows both.", "control": "The controller reads each payment."}
        return {**said, "ends_at": f"{day:%Y-%m-%d}", "review_at": f"{day:%Y-%m-%d}", **fields}

    def test_are_asked_for_from_the_violation(self, scene: Scene, visit: Visit) -> None:
        client = visit(scene.requester)
        address = reverse("mitigation-new", args=[scene.apart.pk, scene.requester.pk])
        assert address in text(client.get(reverse("violation-detail", args=[scene.violation.pk])))
        assert client.get(address).status_code == 200
        sent: Any = client.post(address, self.asked())
        assert sent.url == reverse("mitigation-detail", args=[Mitigation.objects.get().pk])

    def test_say_what_is_wrong_beside_the_field(self, scene: Scene, visit: Visit) -> None:
        address = reverse("mitigation-new", args=[scene.apart.pk, scene.requester.pk])
        far = f"{timezone.now() + 200 * DAY:%Y-%m-%d}"
        sent = visit(scene.requester).post(address, self.asked(ends_at=far, control="x"))
        assert sent.status_code == 422
        assert "it lasts at most 90 days" in text(sent)
        assert "so that it does no harm, in a sentence" in text(sent)

    def test_are_decided_by_somebody_else(self, scene: Scene, visit: Visit) -> None:
        asked = proposed(scene.apart, scene.requester, scene.requester)
        detail, approve = (reverse(f"mitigation-{what}", args=[asked.pk]) for what in ("detail", "approve"))
        own = visit(scene.requester)
        assert approve not in text(own.get(detail))
        assert own.post(approve, {"reason": ""}).status_code == 403
        theirs = visit(scene.backup)
        assert approve in text(theirs.get(detail))
        assert theirs.get(approve).status_code == 200
        assert theirs.post(approve, {"reason": "It is watched."}).status_code == 302
        asked.refresh_from_db()
        assert (asked.state, asked.decider) == (MitigationState.APPROVED, scene.backup)

    def test_are_ended_with_a_reason(self, scene: Scene, visit: Visit) -> None:
        covers = mitigated(scene.apart, scene.requester)
        end = reverse("mitigation-end", args=[covers.pk])
        assert visit(scene.backup).post(end, {"reason": " "}).status_code == 422
        assert visit(scene.backup).post(end, {"reason": "No longer"}).status_code == 302
        scene.violation.refresh_from_db()
        assert scene.violation.state == "open"

    def test_are_listed(self, scene: Scene, visit: Visit) -> None:
        covers = mitigated(scene.apart, scene.requester)
        assert str(covers) in text(visit(scene.requester).get(reverse("mitigation-list")))
        assert str(covers) not in text(visit(scene.stranger).get(reverse("mitigation-list")))

    def test_say_that_their_review_is_overdue(self, scene: Scene, visit: Visit) -> None:
        covers = mitigated(scene.apart, scene.requester)
        client, page = visit(scene.requester), reverse("mitigation-detail", args=[covers.pk])
        another = reverse("mitigation-new", args=[scene.apart.pk, scene.requester.pk])
        assert "overdue" not in text(client.get(page)) + text(client.get(reverse("mitigation-list")))
        Mitigation.objects.filter(pk=covers.pk).update(review_at=timezone.now())
        assert "Its review is overdue" in text(client.get(page))
        assert another in text(client.get(page))
        assert "review overdue since" in text(client.get(reverse("mitigation-list")))
        actions.end_mitigation(mitigation_id=covers.pk, reason="Over", actor=actor(scene.backup), now=timezone.now())
        assert "overdue" not in text(client.get(page))

    def test_are_not_for_strangers_to_ask(self, scene: Scene, visit: Visit) -> None:
        address = reverse("mitigation-new", args=[scene.apart.pk, scene.requester.pk])
        assert visit(scene.stranger).get(address).status_code == 404
        assert visit(holding(Role.AUDITOR)).get(address).status_code == 403


class TestRules:
    def said(self, scene: Scene, **fields: str) -> dict[str, str]:
        key = scene.system.key
        return {
            "key": "SOD-500",
            "title": "Reading and writing",
            "owner": scene.backup.name,
            "left": f"{key}/{scene.entitlement.key}",
            "right": f"{key}/{scene.lead.key}\n",
            "severity": "low",
            "reason": "Whoever reads does not write.",
            "why": "Audit asked for it",
            **fields,
        }

    def test_are_put_in_force_and_retired_by_two(self, scene: Scene, visit: Visit) -> None:
        admin = visit(holding(Role.ADMINISTRATOR))
        sent: Any = admin.post(reverse("separation-rule-new"), self.said(scene))
        rule = SeparationRule.objects.get(key="SOD-500")
        assert sent.url == reverse("separation-rule-detail", args=[rule.pk])
        for verb, state in (("in-force", VersionState.IN_FORCE), ("retire", VersionState.RETIRED)):
            address = reverse(f"separation-version-{verb}", args=[rule.versions.get().pk])
            assert address in text(admin.get(sent.url))
            assert admin.get(address).status_code == 200
            change = self.proposed(admin, address)
            page = text(admin.get(sent.url))
            leads = f'href="{reverse("change-detail", args=[change.pk])}">{change}<'
            assert (leads in page, address in page) == (True, False)
            assert rule.versions.get().state != state
            approve(steps_of(change)[0], scene.backup)
            assert rule.versions.get().state == state

    def proposed(self, admin: Any, address: str) -> ProposedChange:
        sent: Any = admin.post(address, {"reason": "The auditors ask for it.", "token": str(uuid4())})
        change = ProposedChange.objects.latest("proposed_at")
        assert sent.url == reverse("change-detail", args=[change.pk])
        return change

    def test_are_led_to_from_what_is_proposed_of_them(self, scene: Scene, visit: Visit) -> None:
        admin = visit(holding(Role.ADMINISTRATOR))
        version = scene.apart.versions.get()
        change = self.proposed(admin, reverse("separation-version-retire", args=[version.pk]))
        by_id = reverse("separation-version-by-id", args=[version.pk])
        assert by_id in text(admin.get(reverse("change-detail", args=[change.pk])))
        led: Any = admin.get(by_id)
        assert led.url == reverse("separation-rule-detail", args=[scene.apart.pk])
        assert visit(scene.stranger).get(by_id).status_code == 404

    def test_say_what_is_wrong_beside_the_field(self, scene: Scene, visit: Visit) -> None:
        client = visit(holding(Role.ADMINISTRATOR))
        wrong = self.said(scene, left="nowhere/nothing")
        assert "There is no entitlement “nowhere/nothing”" in text(client.post(reverse("separation-rule-new"), wrong))
        wrong = self.said(scene, owner="Nobody")
        assert "There is no active person of that name" in text(client.post(reverse("separation-rule-new"), wrong))
        wrong = self.said(scene, key="sod")
        assert "A key reads like SOD-01" in text(client.post(reverse("separation-rule-new"), wrong))
        assert not SeparationRule.objects.filter(title="Reading and writing").exists()

    def test_are_drafted_anew_from_what_they_say(self, scene: Scene, visit: Visit) -> None:
        client = visit(holding(Role.ADMINISTRATOR))
        address = reverse("separation-rule-draft", args=[scene.apart.pk])
        assert f"{scene.system.key}/{scene.pay.key}" in text(client.get(address))
        assert client.post(address, self.said(scene)).status_code == 302
        assert scene.apart.versions.filter(state=VersionState.DRAFT).count() == 1
        page = text(client.get(reverse("separation-rule-detail", args=[scene.apart.pk])))
        assert "Version 2" in page

    def test_name_bundles_by_their_keys(self, scene: Scene, visit: Visit) -> None:
        admin = visit(holding(Role.ADMINISTRATOR))
        wrong = self.said(scene, left="reading")
        assert "There is no entitlement or active bundle “reading”" in text(
            admin.post(reverse("separation-rule-new"), wrong)
        )
        held = bundle(scene.entitlement, scene.owner, scene.requester, "reading")
        version = SeparationRule.objects.get(pk=self.made(admin, self.said(scene, left="reading"))).versions.get()
        page = text(admin.get(reverse("separation-rule-detail", args=[version.rule_id])))
        assert f"All that {held} holds" in page
        assert "reading" in text(admin.get(reverse("separation-rule-draft", args=[version.rule_id])))
        put_in_force(version, actor=administrator(), why="Needed", now=timezone.now())
        assert str(scene.entitlement) in text(admin.get(reverse("separation-matrix")))

    def made(self, admin: Any, said: dict[str, str]) -> Any:
        assert admin.post(reverse("separation-rule-new"), said).status_code == 302
        return SeparationRule.objects.get(key=said["key"]).pk

    def test_are_seen_in_the_matrix(self, scene: Scene, visit: Visit) -> None:
        page = text(visit(scene.backup).get(reverse("separation-matrix")))
        assert scene.apart.key in page
        assert "1 held together" in page
        assert visit(scene.stranger).get(reverse("separation-matrix")).status_code == 404

    def test_are_listed_with_how_they_stand(self, scene: Scene, visit: Visit) -> None:
        assert scene.apart.title in text(visit(holding(Role.SECURITY)).get(reverse("separation-rule-list")))


class TestInclusions:
    def test_are_said_by_hand_and_ended(self, scene: Scene, visit: Visit) -> None:
        client = visit(holding(Role.ADMINISTRATOR))
        key = scene.system.key
        pair = {"entitlement": f"{key}/{scene.lead.key}", "conferred": f"{key}/{scene.entitlement.key}"}
        assert client.post(reverse("inclusion-new"), {**pair, "reason": "So it is"}).status_code == 302
        made = Inclusion.objects.get(conferred=scene.entitlement)
        assert str(scene.lead) in text(client.get(reverse("inclusion-list")))
        end = reverse("inclusion-end", args=[made.pk])
        assert client.get(end).status_code == 200
        assert client.post(end, {"reason": "Taken out"}).status_code == 302
        made.refresh_from_db()
        assert made.ended_at is not None

    def test_that_form_a_circle_are_refused_beside_the_field(self, scene: Scene, visit: Visit) -> None:
        key = scene.system.key
        pair = {"entitlement": f"{key}/{scene.pay.key}", "conferred": f"{key}/{scene.lead.key}"}
        sent = visit(holding(Role.ADMINISTRATOR)).post(reverse("inclusion-new"), {**pair, "reason": "So it is"})
        assert sent.status_code == 422
        assert "That would be a circle" in text(sent)


class TestMachines:
    def test_are_mitigated_at_the_wish_of_their_owner(self, scene: Scene, visit: Visit) -> None:
        robot = machine(scene.stranger)
        address = reverse("mitigation-new", args=[scene.apart.pk, robot.pk])
        assert visit(scene.stranger).get(address).status_code == 200
