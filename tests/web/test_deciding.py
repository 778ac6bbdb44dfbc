"""What is done with a step besides a plain yes or no, on the pages for it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from governance.approvals import actions
from governance.approvals.models import ApprovalStep, Calendar, Decision, DecisionFile
from governance.approvals.states import StepState
from governance.catalog.states import Risk
from governance.core.actor import Role
from governance.grants.models import Grant
from governance.identities.models import Identity
from governance.requests.models import AccessRequest
from tests import builders
from tests.apart import confers
from tests.builders import Organisation
from tests.delegations import delegated
from tests.handwork import a_file
from tests.leases import HOUR, approve, newcomer
from tests.rules.sql import run
from tests.web.conftest import Visit, enter


@pytest.fixture
def step(org: Organisation) -> ApprovalStep:
    return ApprovalStep.objects.select_related("route").get(pk=builders.step_ids(org.submit())[0])


@pytest.fixture
def manager(org: Organisation, visit: Visit) -> Client:
    return visit(org.manager)


def address(verb: str, step: ApprovalStep) -> str:
    return reverse(f"approval-{verb}", args=[step.pk])


class TestLess:
    def test_is_offered_below_what_was_asked(self, step: ApprovalStep, manager: Client) -> None:
        form = manager.get(address("detail", step)).context["form"]
        assert list(form.fields["less"].choices) == [("", "2 hours, all that may be"), ("3600", "1 hour")]

    def test_makes_the_shorter_lease(self, org: Organisation, step: ApprovalStep, manager: Client) -> None:
        manager.post(address("approve", step), {"less": "3600"})
        approve(builders.step_ids(step_request(step))[1], org.owner)
        assert Grant.objects.get().term == HOUR

    def test_is_an_earlier_end_where_an_end_was_asked(self, org: Organisation, manager: Client) -> None:
        request = org.submit(term=None, until=timezone.now() + timedelta(days=5))
        step = ApprovalStep.objects.select_related("route").get(pk=builders.step_ids(request)[0])
        whole, longest, *_ = manager.get(address("detail", step)).context["form"].fields["less"].choices
        assert whole[0] == ""
        assert manager.post(address("approve", step), {"less": longest[0]}).status_code == 302
        assert Decision.objects.get().until == step.route.opened_at + timedelta(days=3)

    def test_of_what_begins_later_ends_after_it_begins(self, org: Organisation, manager: Client) -> None:
        begin = timezone.now() + timedelta(days=30)
        request = org.submit(term=None, starts_at=begin, until=begin + timedelta(days=29))
        step = ApprovalStep.objects.select_related("route").get(pk=builders.step_ids(request)[0])
        _whole, *less = manager.get(address("detail", step)).context["form"].fields["less"].choices
        assert [end for end, _ in less[:2]] == [(begin + timedelta(days=days)).isoformat() for days in (14, 7)]
        assert all(end > begin.isoformat() for end, _ in less)
        assert manager.post(address("approve", step), {"less": less[-1][0]}).status_code == 302
        assert Decision.objects.get().until == begin + HOUR

    def test_that_is_not_offered_is_refused(self, step: ApprovalStep, manager: Client) -> None:
        assert manager.post(address("approve", step), {"less": "99999999"}).status_code == 422
        assert not Decision.objects.exists()

    def test_is_told_with_its_ticket_on_the_route(self, org: Organisation, step: ApprovalStep, manager: Client) -> None:
        manager.post(address("approve", step), {"less": "3600", "ticket": "CHG-4711"})
        (first, *_) = manager.get(address("detail", step)).context["detail"].steps
        assert "for 1 h at most; ticket CHG-4711" in first.note


def step_request(step: ApprovalStep) -> AccessRequest:
    """The request behind a step."""
    return AccessRequest.objects.get(items=step.route.subject_id)


class TestAFile:
    def test_is_kept_and_only_ever_saved(self, org: Organisation, step: ApprovalStep, manager: Client) -> None:
        manager.post(address("approve", step), {"reason": "As agreed.", "evidence": a_file()})
        kept = DecisionFile.objects.get()
        there = reverse("approval-file", args=[step.pk, kept.decision_id])
        assert there in manager.get(address("detail", step)).content.decode()
        response = manager.get(there)
        assert response.getvalue().startswith(b"\x89PNG")
        assert response["Content-Disposition"].startswith("attachment")
        assert "sandbox" in response["Content-Security-Policy"]

    def test_of_an_earlier_step_is_read_by_whoever_decides_the_next(
        self, org: Organisation, step: ApprovalStep, manager: Client, visit: Visit
    ) -> None:
        manager.post(address("approve", step), {"reason": "As agreed.", "evidence": a_file()})
        following = step.route.steps.get(position=2)
        owner = visit(org.owner)
        (file,) = owner.get(address("detail", following)).context["detail"].doing.files
        assert owner.get(file.url).getvalue().startswith(b"\x89PNG")
        assert visit(org.stranger).get(file.url).status_code == 404

    def test_of_another_route_is_not_there(self, org: Organisation, step: ApprovalStep, manager: Client) -> None:
        manager.post(address("approve", step), {"reason": "As agreed.", "evidence": a_file()})
        newcomer(org)
        other = builders.step_ids(org.submit())[0]
        there = reverse("approval-file", args=[other, DecisionFile.objects.get().decision_id])
        assert manager.get(there).status_code == 404

    def test_that_is_not_taken_is_refused_beside_its_field(self, step: ApprovalStep, manager: Client) -> None:
        response = manager.post(address("approve", step), {"evidence": a_file(b"MZ\x00\x01", "run.exe")})
        assert response.status_code == 422
        assert response.context["form"].errors.keys() == {"evidence"}


class TestClaim:
    def test_is_seen_and_taken_back(self, step: ApprovalStep, manager: Client) -> None:
        manager.post(address("claim", step))
        shown = manager.get(address("detail", step))
        assert shown.context["detail"].doing.claim.startswith("You look at this, until ")
        assert "Release" in shown.content.decode()
        manager.post(address("release", step))
        assert manager.get(address("detail", step)).context["detail"].doing.claim == ""


class TestReassign:
    def test_is_to_somebody_by_name_or_address(self, org: Organisation, step: ApprovalStep, manager: Client) -> None:
        page = manager.get(address("reassign", step))
        assert (org.owner.email, "Owner") in page.context["near"]
        said = {"taker": " owner ", "reason": "She knows the ledger."}
        assert manager.post(address("reassign", step), said).status_code == 302
        asked = step.approvers.filter(ends_at__isnull=True).values_list("identity", flat=True)
        assert set(asked) == {org.owner.pk}

    @pytest.mark.parametrize(
        ("taker", "words"),
        [("Nobody", "Nobody active"), ("Requester", "may not decide this"), ("Manager", "asked already")],
    )
    def test_of_others_is_refused_beside_the_field(
        self, step: ApprovalStep, manager: Client, taker: str, words: str
    ) -> None:
        response = manager.post(address("reassign", step), {"taker": taker, "reason": "She knows it."})
        assert response.status_code == 422
        assert words in str(response.context["act"].form.errors["taker"])

    def test_of_two_of_one_name_asks_for_the_address(self, step: ApprovalStep, manager: Client) -> None:
        twins = [builders.person("Ann"), builders.person("Ann")]
        response = manager.post(address("reassign", step), {"taker": "Ann", "reason": "She knows it."})
        assert "Several people" in str(response.context["act"].form.errors["taker"])
        said = {"taker": twins[1].email, "reason": "She knows it."}
        assert manager.post(address("reassign", step), said).status_code == 302

    def test_is_offered_to_those_who_can(self, org: Organisation, step: ApprovalStep, visit: Visit) -> None:
        """Neither to whoever decides in another's place, nor to whoever is brought in besides."""
        deputy = builders.person("Deputy")
        own = address("reassign", step)
        assert own in visit(org.manager).get(address("detail", step)).content.decode()
        delegated(org.manager, deputy)
        actions.escalate(step_id=step.pk, now=timezone.now() + timedelta(days=3))
        for name in (deputy, org.boss):
            shown = visit(name).get(address("detail", step))
            assert shown.context["detail"].decidable
            assert own not in shown.content.decode()

    def test_is_over_once_it_is_decided(self, org: Organisation, step: ApprovalStep, manager: Client) -> None:
        approve(step.pk, org.manager)
        assert "You approved this" in manager.get(address("reassign", step)).content.decode()


class TestTogether:
    def test_decides_what_is_free_and_reports_each(self, org: Organisation, manager: Client) -> None:
        steps = []
        for _ in range(3):
            newcomer(org)
            steps.append(builders.step_ids(org.submit())[0])
        approve(steps[1], org.manager)
        page = manager.get(reverse("approval-together"), {"steps": [*map(str, steps), "nonsense"]})
        assert [row.pk for row in page.context["chosen"].free] == [steps[0], steps[2]]
        said = {"steps": list(map(str, steps)), "verdict": "approve", "reason": "All of them fit."}
        report = manager.post(reverse("approval-together"), said)
        assert [line.done for line in report.context["lines"]] == [True, False, True]
        assert "You approved this" in report.content.decode()
        assert Decision.objects.filter(reason="All of them fit.").count() == 2

    def test_holds_back_what_is_of_high_risk(self, org: Organisation, manager: Client) -> None:
        high = builders.entitlement(org.system, org.owner, risk=Risk.HIGH)
        why = builders.purpose(org.owner, high)
        (pk, *_) = builders.step_ids(org.submit(entitlement_ids=(high.pk,), purpose_id=why.pk))
        page = manager.get(reverse("approval-together"), {"steps": str(pk)})
        assert [row.pk for row in page.context["chosen"].held] == [pk]
        assert b"<textarea" not in page.content
        report = manager.post(reverse("approval-together"), {"steps": str(pk), "verdict": "approve", "reason": "Yes."})
        assert "open it, and decide on it alone" in report.content.decode()
        assert ApprovalStep.objects.get(pk=pk).state == StepState.OPEN

    def test_holds_back_what_confers_high_risk_and_what_a_machine_asks_for(
        self, org: Organisation, visit: Visit
    ) -> None:
        org.entitlement = builders.entitlement(org.system, org.owner, risk=Risk.LOW)
        org.purpose = builders.purpose(org.owner, org.entitlement)
        (plain, *_) = builders.step_ids(org.submit())
        group = builders.entitlement(org.system, org.owner, risk=Risk.LOW)
        confers(group, builders.entitlement(org.system, org.owner, risk=Risk.CRITICAL))
        why = builders.purpose(org.owner, group)
        (nested, *_) = builders.step_ids(org.submit(entitlement_ids=(group.pk,), purpose_id=why.pk))
        (asked, *_) = builders.step_ids(asked_by_a_robot(org, org.requester))
        page = visit(org.manager).get(reverse("approval-together"), {"steps": [str(plain), str(nested), str(asked)]})
        chosen = page.context["chosen"]
        assert [row.pk for row in chosen.free] == [plain]
        assert {row.pk for row in chosen.held} == {nested, asked}
        inbox = visit(org.manager).get(reverse("approval-list"))
        alone = {row.pk: row.alone for group in inbox.context["groups"] for row in group.rows}
        assert alone == {plain: False, nested: True, asked: True}

    def test_shows_nothing_of_others(self, org: Organisation, step: ApprovalStep, visit: Visit) -> None:
        stranger = visit(org.stranger)
        assert (
            "Nothing is selected"
            in stranger.get(reverse("approval-together"), {"steps": str(step.pk)}).content.decode()
        )
        said = {"steps": str(step.pk), "verdict": "reject", "reason": "No."}
        report = stranger.post(reverse("approval-together"), said).content.decode()
        assert "not yours to see" in report
        assert not Decision.objects.exists()

    def test_asks_for_a_reason(self, step: ApprovalStep, manager: Client) -> None:
        response = manager.post(reverse("approval-together"), {"steps": str(step.pk), "verdict": "approve"})
        assert response.status_code == 422
        assert response.context["form"].errors.keys() == {"reason"}


class TestWhatAMachineAsksFor:
    def test_is_approved_with_a_tick_and_a_reason(self, org: Organisation, manager: Client) -> None:
        pk = builders.step_ids(asked_by_a_robot(org, org.requester))[0]
        step = ApprovalStep.objects.select_related("route").get(pk=pk)
        page = manager.get(address("detail", step))
        assert page.context["detail"].reason_hint == "Kept with the grant; required."
        assert 'name="acknowledged"' in page.content.decode()
        refused = manager.post(address("approve", step), {"reason": "It runs the nightly close."})
        assert refused.status_code == 422
        assert 'name="acknowledged"' in refused.content.decode()
        said = {"reason": "It runs the nightly close.", "acknowledged": "on"}
        assert manager.post(address("approve", step), said).status_code == 302
        assert Decision.objects.get().step_id == step.pk

    def test_is_told_to_ask_for_a_second_factor(self, org: Organisation, manager: Client) -> None:
        assert org.manager.user is not None
        enter(manager, org.manager.user, ("password", ""))
        pk = builders.step_ids(asked_by_a_robot(org, org.requester))[0]
        page = manager.get(reverse("approval-detail", args=[pk])).content.decode()
        assert "Approving asks for your second factor" in page


def asked_by_a_robot(org: Organisation, owner: Identity) -> AccessRequest:
    """What a machine identity of somebody's asks for, for itself."""
    robot = builders.machine(owner)
    builders.account(robot, org.system)
    org.requester = robot
    return org.submit()


class TestAComment:
    def test_is_as_long_as_the_action_lets_it(self, step: ApprovalStep, manager: Client) -> None:
        there = reverse("route-comment", args=[step.route_id])
        assert manager.post(there, {"text": "x" * (actions.LONGEST_COMMENT + 1)}).status_code == 422
        assert manager.post(there, {"text": "x" * actions.LONGEST_COMMENT}).status_code == 302


class TestRemind:
    def test_is_offered_to_whoever_asked(self, org: Organisation, step: ApprovalStep, visit: Visit) -> None:
        there = reverse("route-remind", args=[step.route_id])
        about = reverse("request-detail", args=[step_request(step).pk])
        assert there in visit(org.requester).get(about).content.decode()
        assert there not in visit(org.manager).get(about).content.decode()

    def test_says_when_it_is_too_soon(self, org: Organisation, step: ApprovalStep, visit: Visit) -> None:
        requester, there = visit(org.requester), reverse("route-remind", args=[step.route_id])
        assert "You may do so from" in requester.get(there).content.decode()
        assert requester.post(there).status_code == 409
        run("UPDATE governance_approvalstep SET opened_at = opened_at - interval '2 days' WHERE id = %s", step.pk)
        assert requester.post(there).status_code == 302


class TestWhatToWeigh:
    def titles(self, manager: Client, step: ApprovalStep) -> dict[str, str]:
        points = manager.get(address("detail", step)).context["detail"].about.points
        return {point.title: point.text for point in points}

    def test_begins_with_nothing_on_record(self, step: ApprovalStep, manager: Client) -> None:
        found = self.titles(manager, step)
        assert {"New to the holder.", "First request.", "No conflict of duties."} <= found.keys()

    def test_counts_peers_of_the_department(self, org: Organisation, step: ApprovalStep, manager: Client) -> None:
        run("UPDATE governance_identity SET department = 'Ledger' WHERE name IN ('Requester', 'Stranger', 'Backup')")
        assert self.titles(manager, step)["Few peers hold it."] == "0 of 2 other people in Ledger."

    def test_says_what_it_confers(self, org: Organisation, step: ApprovalStep, manager: Client) -> None:
        more = builders.entitlement(org.system, org.owner, name="Read archive")
        confers(org.entitlement, more)
        assert "Read archive" in self.titles(manager, step)["It confers more."]

    def test_knows_a_hold_without_a_break_and_ones_own_yes(self, org: Organisation, manager: Client) -> None:
        builders.live_grant(org.submit())
        other = builders.purpose(org.owner, org.entitlement)
        again = org.submit(purpose_id=other.pk)
        step = ApprovalStep.objects.select_related("route").get(pk=builders.step_ids(again)[0])
        found = self.titles(manager, step)
        assert found["Held already."].startswith("Without a break since")
        assert "You approved this before." in found
        assert found["Requester asked before."] == "1 of 1 item approved."


class TestEscalation:
    def test_is_told_on_the_step(self, org: Organisation, step: ApprovalStep, manager: Client) -> None:
        actions.escalate(step_id=step.pk, now=timezone.now() + timedelta(days=3))
        assert manager.get(address("detail", step)).context["detail"].doing.escalated.startswith("Escalated ")


class TestCalendars:
    SAID = {
        "name": "Head office",
        "zone": "Europe/Berlin",
        "weekdays": ["1", "2", "3", "4", "5"],
        "opens_at": "09:00",
        "closes_at": "17:00",
        "holidays": "2027-12-25 Christmas Day\n\n2027-12-26 Boxing Day",
        "departments": "",
        "general": "on",
    }

    @pytest.fixture
    def administrator(self, org: Organisation, visit: Visit) -> Client:
        someone = builders.person()
        builders.portal_role(someone, Role.ADMINISTRATOR)
        return visit(someone)

    def test_are_entered_and_changed(self, administrator: Client) -> None:
        assert administrator.post(reverse("calendar-new"), self.SAID).status_code == 302
        kept = Calendar.objects.get()
        assert kept.holidays == {"2027-12-25": "Christmas Day", "2027-12-26": "Boxing Day"}
        there = reverse("calendar-edit", args=[kept.pk])
        assert "2027-12-25 Christmas Day" in administrator.get(there).content.decode()
        assert administrator.post(there, {**self.SAID, "closes_at": "18:00"}).status_code == 302
        assert "09:00 to 18:00" in administrator.get(reverse("calendar-list")).content.decode()

    def test_that_make_no_sense_are_refused_beside_the_field(self, administrator: Client) -> None:
        response = administrator.post(reverse("calendar-new"), {**self.SAID, "holidays": "Christmas"})
        assert response.status_code == 422
        assert response.context["form"].errors.keys() == {"holidays"}
        assert not Calendar.objects.exists()
