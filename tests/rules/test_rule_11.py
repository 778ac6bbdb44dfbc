"""Rule 11: break-glass is taken at once by those allowed, for hours, before everybody's eyes, and accounted for."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError
from django.utils import timezone

from governance.access.states import Observation
from governance.break_glass import actions, permissions, queries
from governance.break_glass.models import BreakGlass
from governance.break_glass.states import ExposureState, GlassState
from governance.core.actor import Actor, Role
from governance.core.errors import Conflict, Denied, Invalid, NotFound
from governance.grants.actions import expire_due, revoke
from governance.grants.actors import machine_actor
from governance.grants.models import Grant
from governance.grants.states import Basis, GrantState
from governance.identities.models import Identity
from governance.notifications.models import MailPreference, Notification
from governance.notifications.states import Rhythm, Topic
from governance.policy.models import PolicyDecision
from governance.policy.words import minute
from governance.provisioning.models import ProvisioningTask
from governance.purposes.models import Justification
from tests.apart import kept_apart, mitigated
from tests.builders import (
    Organisation,
    account,
    actor,
    entitlement,
    joined,
    keep,
    machine,
    person,
    portal_role,
    purpose,
    see,
)
from tests.glass import HOUR, PASSWORD, Outage, close, gone, over, reviewed, rotate, security
from tests.leases import fresh, granted, started
from tests.rules.sql import columns, insert, run

pytestmark = pytest.mark.django_db


@pytest.fixture
def outage() -> Outage:
    return Outage()


def told(glass: BreakGlass, once: str = "glass taken:") -> set[str]:
    found = Notification.objects.filter(once__startswith=f"{once}{glass.pk}", topic=Topic.EMERGENCY)
    return set(found.values_list("recipient__name", flat=True))


class TestTaking:
    def test_begins_at_once(self, outage: Outage) -> None:
        glass = outage.take()
        grant = fresh(glass.grant)
        assert (grant.state, grant.basis) == (GrantState.PROVISIONING, Basis.BREAK_GLASS)
        assert grant.assignment is not None
        assert grant.assignment.wanted
        assert ProvisioningTask.objects.open().filter(assignment=grant.assignment).exists()

    def test_goes_the_way_of_every_lease(self, outage: Outage) -> None:
        grant = outage.take().grant
        assert [one.phase for one in PolicyDecision.objects.order_by("phase")] == ["activation", "submission"]
        assert grant.activation_decision is not None
        assert grant.activation_decision.facts["request"]["break_glass"] is True

    def test_ends_by_itself(self, outage: Outage) -> None:
        grant = fresh(outage.take().grant)
        assert grant.ends_at == grant.starts_at + 2 * HOUR
        assert expire_due(now=grant.ends_at) == 1
        assert fresh(grant).state == GrantState.REVOKING

    @pytest.mark.parametrize(
        ("fields", "field", "words"),
        [
            ({"term": 5 * HOUR}, "term", "At most 4 hours"),
            ({"term": timedelta(minutes=1)}, "term", "five minutes"),
            ({"term": timedelta(0)}, "entitlement", "A lease has a length"),
            ({"incident": " "}, "incident", "reference"),
            ({"incident": "x" * 101}, "incident", "reference"),
            ({"justification": "Need it"}, "justification", "in a sentence"),
        ],
    )
    def test_is_refused_in_words(self, outage: Outage, fields: dict[str, Any], field: str, words: str) -> None:
        with pytest.raises(Invalid) as refused:
            outage.take(**fields)
        assert words in refused.value.fields[field]
        assert not Grant.objects.exists()
        assert not PolicyDecision.objects.exists()
        assert not Notification.objects.exists()

    @pytest.mark.parametrize(
        "glass",
        [{"condition": "false"}, {"condition": "'on-call' in identity.teams"}, {"mode": "warn"}],
        ids=str,
    )
    def test_is_for_those_alone_whom_a_rule_allows(self, glass: dict[str, Any]) -> None:
        with pytest.raises(Invalid, match="No rule allows break-glass here"):
            Outage(**glass).take()

    def test_is_for_an_emergency_alone(self, outage: Outage) -> None:
        with pytest.raises(NotFound):
            outage.take(purpose_id=outage.purpose.pk)

    def test_is_for_what_the_emergency_justifies(self, outage: Outage) -> None:
        with pytest.raises(NotFound):
            outage.take(entitlement_id=entitlement(outage.system, outage.owner).pk)

    def test_gives_no_role_of_the_portal(self, outage: Outage) -> None:
        role = portal_role(outage.requester, Role.ADMINISTRATOR).entitlement
        keep(Justification(purpose=outage.emergency, entitlement=role))
        with pytest.raises(NotFound):
            outage.take(entitlement_id=role.pk)

    def test_is_never_a_machines(self, outage: Outage) -> None:
        robot = machine(outage.requester)
        account(robot, outage.system)
        now = timezone.now()
        by = machine_actor(robot.pk, 2, now)
        assert by is not None
        with pytest.raises(Denied, match="A person breaks the glass"):
            actions.take(draft=outage.draft(), actor=by, now=now)

    def test_happens_once_for_one_form(self, outage: Outage) -> None:
        token = uuid4()
        assert outage.take(form_token=token) == outage.take(form_token=token)
        assert Grant.objects.count() == 1
        with pytest.raises(Invalid, match="sent already"):
            outage.take(form_token=token, incident="INC-2042")

    def test_does_not_happen_twice_for_one_emergency(self, outage: Outage) -> None:
        first = outage.take()
        with pytest.raises(Invalid, match=str(first.grant)):
            outage.take()
        assert BreakGlass.objects.count() == 1

    def test_leaves_nothing_where_the_lease_can_not_begin(
        self, outage: Outage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("governance.grants.rules.refusal_at_activation", lambda *_, **__: "The system is closed.")
        with pytest.raises(Conflict, match="The system is closed"):
            outage.take()
        assert not Grant.objects.exists()
        assert not BreakGlass.objects.exists()
        assert not Notification.objects.exists()


class TestTelling:
    def test_reaches_security_the_owner_and_whoever_was_skipped_as_it_happens(self, outage: Outage) -> None:
        glass = outage.take()
        assert told(glass) == {"Watch", "Owner", "Manager"}
        letters = Notification.objects.filter(topic=Topic.EMERGENCY, mail__isnull=False)
        assert letters.count() == 3
        assert [step["step"] for step in glass.skipped] == ["Manager", "Entitlement owner"]
        assert glass.skipped[0]["asked"] == ["Manager"]
        assert set(glass.told) == {outage.watch.pk, outage.owner.pk, outage.manager.pk}

    def test_comes_by_mail_whatever_somebody_has_chosen(self, outage: Outage) -> None:
        MailPreference.objects.create(identity=outage.manager, work=Rhythm.NEVER, outcome=Rhythm.NEVER)
        outage.take()
        said = Notification.objects.get(topic=Topic.EMERGENCY, recipient=outage.manager)
        assert said.mail is not None

    def test_is_part_of_the_same_transaction(self, outage: Outage, monkeypatch: pytest.MonkeyPatch) -> None:
        def broken(*_: object, **__: object) -> None:
            raise RuntimeError

        monkeypatch.setattr("governance.break_glass.notices.notify_at_once", broken)
        with pytest.raises(RuntimeError):
            outage.take()
        assert not Grant.objects.exists()

    def test_reaches_governance_where_there_is_no_security(self, outage: Outage) -> None:
        run("UPDATE governance_identity SET state = 'on_leave' WHERE id = %s", outage.watch.pk)
        assert {"Gwen", "Gus"} <= told(outage.take())

    def test_that_can_reach_nobody_keeps_the_glass_whole(self, outage: Outage) -> None:
        run("UPDATE governance_identity SET state = 'on_leave' WHERE id <> %s", outage.requester.pk)
        with pytest.raises(Invalid) as refused:
            outage.take()
        assert "nobody of security or governance who could be told" in str(refused.value)

    def test_does_not_count_the_holder(self, outage: Outage) -> None:
        joined("security", outage.requester)
        assert outage.requester.pk not in outage.take().told


class TestLeases:
    def test_of_ordinary_access_never_rest_on_an_emergency(self, outage: Outage) -> None:
        with pytest.raises(Invalid, match="is taken by break-glass alone"):
            outage.submit(purpose_id=outage.emergency.pk)

    def test_of_break_glass_rest_on_nothing_else_whoever_asks_the_database(self, outage: Outage) -> None:
        grant = started(outage)
        with pytest.raises(IntegrityError, match="break-glass rests on an emergency"):
            insert(columns(grant, basis="break_glass", starts_at=grant.ends_at, ends_at=grant.ends_at + HOUR))

    def test_that_are_revoked_meanwhile_say_until_when_access_stands(self, outage: Outage) -> None:
        regular = started(outage, term=3 * HOUR)
        glass = fresh(outage.take().grant)
        revoke(grant_id=regular.pk, actor=actor(outage.owner), reason="Not needed", now=timezone.now())
        regular = fresh(regular)
        assert regular.state == GrantState.REVOKED
        stands = f"{glass} until {minute(glass.ends_at)} on break-glass"
        assert regular.state_reason == f"The access stands on {stands}"
        assert fresh(glass).state == GrantState.PROVISIONING

    def test_that_run_out_meanwhile_say_so_too(self, outage: Outage) -> None:
        regular = started(outage, term=HOUR)
        glass = fresh(outage.take().grant)
        expire_due(now=regular.ends_at)
        assert (
            fresh(regular).state_reason == f"The access stands on {glass} until {minute(glass.ends_at)} on break-glass"
        )

    def test_are_not_ended_by_the_end_of_break_glass(self, outage: Outage) -> None:
        regular = started(outage, term=5 * HOUR)
        glass = outage.take()
        over(glass)
        assert fresh(regular).state == GrantState.PROVISIONING
        assert fresh(glass.grant).state == GrantState.REVOKED


class TestStopping:
    def test_ends_every_lease_of_the_access(self, outage: Outage) -> None:
        regular, waiting = started(outage), granted(outage, why=purpose(outage.owner, outage.entitlement))
        glass = outage.take()
        actions.stop(break_glass_id=glass.pk, reason="Unusual", actor=security(outage), now=timezone.now())
        assert [fresh(one).state for one in (regular, waiting, glass.grant)] == ["revoking", "cancelled", "revoking"]
        assert "Requester" in told(glass, "glass stopped:")

    def test_is_securitys(self, outage: Outage) -> None:
        glass = outage.take()
        for one in (outage.owner, outage.requester):
            with pytest.raises(Denied, match="Security stops it"):
                actions.stop(break_glass_id=glass.pk, reason="Unusual", actor=actor(one), now=timezone.now())

    def test_comes_too_late_once_it_has_ended(self, outage: Outage) -> None:
        glass = outage.take()
        end = over(glass)
        with pytest.raises(Conflict, match="has ended already"):
            actions.stop(break_glass_id=glass.pk, reason="Unusual", actor=security(outage), now=end)


class TestSeparation:
    @pytest.fixture
    def held(self, outage: Outage) -> Outage:
        """The requester holds what is kept apart from what the emergency asks for."""
        other = entitlement(outage.system, outage.owner)
        keep(Justification(purpose=outage.purpose, entitlement=other))
        started(outage, entitlement_ids=(other.pk,))
        outage.apart = kept_apart(other, outage.entitlement)  # type: ignore[attr-defined]  # for these tests
        return outage

    def test_holds_in_an_emergency_too(self, held: Outage) -> None:
        with pytest.raises(Invalid, match="would come together"):
            held.take()

    def test_is_not_covered_by_a_mitigation_for_ordinary_access(self, held: Outage) -> None:
        mitigated(held.apart, held.requester)  # type: ignore[attr-defined]  # see above
        with pytest.raises(Invalid, match="would come together"):
            held.take()

    def test_is_covered_by_one_for_emergencies_approved_before(self, held: Outage) -> None:
        covers = mitigated(held.apart, held.requester, emergency=True)  # type: ignore[attr-defined]  # see above
        grant = fresh(held.take().grant)
        assert grant.state == GrantState.PROVISIONING
        assert grant.ends_at <= covers.ends_at

    def test_is_not_covered_by_that_for_ordinary_access(self, held: Outage) -> None:
        mitigated(held.apart, held.requester, emergency=True)  # type: ignore[attr-defined]  # see above
        item = held.submit().items.get()
        assert item.state == "denied"


def holder(outage: Outage) -> Actor:
    return actor(outage.requester)


def same_human(outage: Outage) -> Actor:
    again = person("Requester again", human=outage.requester.human)
    return actor(again, Role.SECURITY)


def who_took_part(outage: Outage) -> Actor:
    account(outage.watch, outage.system)
    actions.take(draft=outage.draft(incident="inc-2041"), actor=security(outage), now=timezone.now())
    return security(outage)


class TestReview:
    @pytest.mark.parametrize("who", [same_human, who_took_part])
    def test_is_never_of_ones_own(self, outage: Outage, who: Callable[[Outage], Actor]) -> None:
        glass = outage.take()
        by = who(outage)
        with pytest.raises(Denied, match="nobody who had a part in it"):
            reviewed(glass, by, now=gone(glass))

    def test_is_not_the_holders(self, outage: Outage) -> None:
        glass = outage.take()
        with pytest.raises(Denied):
            reviewed(glass, holder(outage), now=gone(glass))

    def test_is_not_of_those_who_only_look_on(self, outage: Outage) -> None:
        glass = outage.take()
        end = gone(glass)
        with pytest.raises(Denied):
            reviewed(glass, actor(person("Auditor"), Role.AUDITOR), now=end)
        with pytest.raises(Denied):
            reviewed(glass, actor(outage.manager), now=end)
        with pytest.raises(NotFound):
            reviewed(glass, actor(outage.stranger), now=end)

    @pytest.mark.parametrize("name", ["owner", "watch"])
    def test_is_of_an_owner_or_security(self, outage: Outage, name: str) -> None:
        glass = outage.take()
        by: Identity = getattr(outage, name)
        done = reviewed(glass, actor(by), now=gone(glass))
        assert (done.state, done.reviewer) == (GlassState.REVIEWED, by)

    def test_is_of_the_governance_team_as_well(self, outage: Outage) -> None:
        glass = outage.take()
        gwen = outage.governance[0]
        assert gwen.pk not in glass.told
        assert reviewed(glass, actor(gwen), now=gone(glass)).reviewer == gwen

    def test_waits_until_it_has_ended(self, outage: Outage) -> None:
        glass = outage.take()
        with pytest.raises(Conflict, match="it is reviewed when it has ended"):
            reviewed(glass, security(outage), now=timezone.now())

    def test_says_what_was_done_and_what_was_exposed(self, outage: Outage) -> None:
        glass = outage.take()
        end = gone(glass)
        said: dict[str, Any] = {"break_glass_id": glass.pk, "actor": security(outage), "now": end}
        with pytest.raises(Invalid, match="or say that none was"):
            actions.review(done="The queue was restarted.", exposed=[], nothing_exposed=False, **said)
        with pytest.raises(Invalid, match="or say that none was"):
            actions.review(done="The queue was restarted.", exposed=[PASSWORD], nothing_exposed=True, **said)
        with pytest.raises(Invalid, match="what was done"):
            actions.review(done="ok", exposed=[], nothing_exposed=True, **said)

    def test_is_written_once(self, outage: Outage) -> None:
        glass = outage.take()
        end = gone(glass)
        reviewed(glass, security(outage), now=end)
        with pytest.raises(Conflict, match="is reviewed"):
            reviewed(glass, actor(outage.owner), now=end)


class TestClosing:
    def test_comes_after_review_rotation_and_proof(self, outage: Outage) -> None:
        glass, watch = outage.take(), security(outage)
        end = over(glass)
        with pytest.raises(Conflict, match="is not reviewed"):
            close(glass, watch, now=end)
        reviewed(glass, watch, PASSWORD, now=end)
        with pytest.raises(Conflict, match="is not verified yet"):
            close(glass, watch, now=end)
        gone_at = end + HOUR
        see(fresh(glass.grant), Observation.ABSENT, now=gone_at)
        with pytest.raises(Conflict, match="1 exposed credential must be rotated first"):
            close(glass, watch, now=gone_at)
        rotate(glass, actor(outage.owner), now=gone_at)
        assert close(glass, watch, now=gone_at).state == GlassState.CLOSED

    def test_is_not_the_holders(self, outage: Outage) -> None:
        glass = outage.take()
        end = gone(glass)
        reviewed(glass, security(outage), now=end)
        with pytest.raises(Denied):
            close(glass, holder(outage), now=end)

    def test_is_refused_by_the_database_before_all_is_rotated(self, outage: Outage) -> None:
        glass = outage.take()
        reviewed(glass, security(outage), PASSWORD, now=gone(glass))
        with pytest.raises(IntegrityError, match="once all that it exposed is rotated"):
            run("UPDATE governance_breakglass SET state = 'closed', closer_id = reviewer_id, closed_at = now()")

    def test_is_refused_by_the_database_before_its_removal_is_verified(self, outage: Outage) -> None:
        glass = outage.take()
        reviewed(glass, security(outage), now=over(glass))
        with pytest.raises(IntegrityError, match="once its removal is verified"):
            run("UPDATE governance_breakglass SET state = 'closed', closer_id = reviewer_id, closed_at = now()")

    def test_can_not_be_reviewed_by_the_same_human_past_the_product(self, outage: Outage) -> None:
        outage.take()
        again = person("Requester again", human=outage.requester.human)
        with pytest.raises(IntegrityError, match="nobody reviews or closes their own"):
            run(
                "UPDATE governance_breakglass SET state = 'reviewed', done = 'x', reviewed_at = now(), reviewer_id=%s",
                again.pk,
            )


class TestRotation:
    def test_has_its_evidence_and_is_marked_once(self, outage: Outage) -> None:
        glass, watch = outage.take(), security(outage)
        end = gone(glass)
        reviewed(glass, watch, PASSWORD, now=end)
        exposure = glass.exposures.get()
        with pytest.raises(Invalid, match="opens nothing any more"):
            rotate(glass, watch, now=end, evidence=" ")
        rotate(glass, watch, now=end)
        exposure.refresh_from_db()
        assert (exposure.state, exposure.rotated_by) == (ExposureState.ROTATED, outage.watch)
        with pytest.raises(Conflict, match="rotated already"):
            rotate(glass, watch, now=end)

    def test_is_not_the_holders_to_mark(self, outage: Outage) -> None:
        glass = outage.take()
        end = gone(glass)
        reviewed(glass, security(outage), PASSWORD, now=end)
        with pytest.raises(Denied):
            rotate(glass, holder(outage), now=end)


class TestReminders:
    def test_come_when_it_has_ended_and_each_day_that_it_is_overdue(self, outage: Outage) -> None:
        glass = outage.take()
        actions.remind(break_glass_id=glass.pk, now=timezone.now())
        assert not told(glass, "glass ended:")
        end = gone(glass)
        actions.remind(break_glass_id=glass.pk, now=end)
        actions.remind(break_glass_id=glass.pk, now=end + HOUR)
        assert told(glass, "glass ended:") == {"Owner", "Watch", "Gwen", "Gus"}
        for days in (2, 3):
            actions.remind(break_glass_id=glass.pk, now=end + timedelta(days=days))
        late = Notification.objects.filter(once__startswith=f"glass overdue:{glass.pk}", recipient=outage.watch)
        assert [one.title.startswith("Overdue: ") for one in late] == [True, True]

    def test_stop_once_it_is_closed(self, outage: Outage) -> None:
        glass, watch = outage.take(), security(outage)
        end = gone(glass)
        reviewed(glass, watch, now=end)
        close(glass, watch, now=end)
        assert not BreakGlass.objects.unclosed(end + timedelta(days=9)).exists()


class TestWhoSees:
    def test_what_stands_now(self, outage: Outage) -> None:
        glass, now = outage.take(), timezone.now()
        assert list(queries.of_whom_it_concerns([outage.requester.pk], now, watches=False)) == [glass]
        assert list(queries.of_whom_it_concerns([outage.stranger.pk], now, watches=True)) == [glass]
        assert not queries.of_whom_it_concerns([outage.stranger.pk], now, watches=False)
        assert not queries.of_whom_it_concerns([outage.requester.pk], over(glass), watches=True)

    @pytest.mark.parametrize(
        ("name", "sees"),
        [("requester", True), ("manager", True), ("owner", True), ("watch", True), ("stranger", False)],
    )
    def test_a_record_of_it(self, outage: Outage, name: str, sees: bool) -> None:
        glass = outage.take()
        assert permissions.visible(actor(getattr(outage, name)), timezone.now()).filter(pk=glass.pk).exists() == sees


class TestFrequency:
    def test_is_counted_by_person_system_and_emergency(self, outage: Outage) -> None:
        first = outage.take()
        gone(first)
        again = person("Requester again", human=outage.requester.human, manager=outage.manager)
        account(again, outage.system)
        outage.requester = again
        second = outage.take()
        now = timezone.now() + HOUR
        found = queries.frequency(permissions.reports(security(outage), now), first.taken_at, now)
        assert {by: [(one.name, one.count, one.waiting) for one in many] for by, many in found.items()} == {
            "person": [("Requester", 2, 2)],
            "system": [(outage.system.name, 2, 2)],
            "purpose": [(outage.emergency.reference, 2, 2)],
        }
        later = queries.frequency(permissions.reports(security(outage), now), second.taken_at + HOUR, now)
        assert not any(later.values())

    def test_is_not_for_those_who_answer_for_nothing(self, outage: Outage) -> None:
        outage.take()
        with pytest.raises(NotFound):
            permissions.reports(actor(outage.stranger), timezone.now())
        with pytest.raises(NotFound):
            permissions.reports(holder(outage), timezone.now())


class TestOrdinaryOrganisation:
    def test_lets_nobody_break_the_glass(self) -> None:
        """No rule that a portal begins with allows it: somebody has to say who may (rule 15)."""
        org = Organisation()
        assert not queries.within_reach(org.requester, timezone.now()).exists()
