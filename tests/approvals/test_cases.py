"""Routes, fallbacks, delegations and consents, case by case: whom each step asks, and what a yes makes of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from governance.approvals.actions import expire
from governance.approvals.models import ApprovalStep
from governance.approvals.rules import STEP_TERM
from governance.approvals.states import StepState
from governance.grants.models import Grant
from governance.identities.models import Identity, Team
from governance.notifications.models import Notification
from governance.requests import actions as requests
from governance.requests.models import AccessRequest
from governance.requests.states import ItemState
from governance.wiring import readiness_warnings
from tests.builders import Organisation, account, actor, draft, joined, person, rule, step_ids, team
from tests.delegations import asked, delegated, ended, moved
from tests.leases import approve, backed, leave
from tests.rules.sql import run

pytestmark = pytest.mark.django_db

Arrange = Callable[["Company"], Any]


class Company(Organisation):
    """An organisation with the steps of one case, in which everybody is found by name."""

    def __init__(self, steps: Sequence[dict[str, Any]]) -> None:
        super().__init__("manager")
        run("UPDATE governance_policyruleversion SET state = 'retired', effective_until = effective_from")
        rule(steps=list(steps))
        people = (self.boss, self.manager, self.requester, self.owner, self.backup, self.stranger, *self.governance)
        self.by_name: dict[str, Identity] = {one.name: one for one in people}

    def __getitem__(self, name: str) -> Identity:
        return self.by_name[name]


# What is arranged before, and what happens meanwhile ------------------------------------------------------------------


def away(*names: str) -> Arrange:
    """They are on leave."""

    def arrange(company: Company) -> None:
        for name in names:
            run("UPDATE governance_identity SET state = 'on_leave' WHERE id = %s", company[name].pk)

    return arrange


def gone(name: str) -> Arrange:
    """Somebody leaves."""
    return lambda company: leave(company[name])


def managed(name: str | None, *, whom: str = "Requester") -> Arrange:
    """Who manages somebody."""

    def arrange(company: Company) -> None:
        manager = company[name].pk if name else None
        run("UPDATE governance_identity SET manager_id = %s WHERE id = %s", manager, company[whom].pk)

    return arrange


def asks(name: str) -> Arrange:
    """Somebody else is the one who asks."""

    def arrange(company: Company) -> None:
        company.requester = company[name]
        account(company.requester, company.system)

    return arrange


def backing(name: str) -> Arrange:
    """Who is backup owner of the entitlement."""
    return lambda company: backed(company.entitlement, company[name])


def of_team(key: str, *names: str) -> Arrange:
    """A team of some."""
    return lambda company: team(key, *(company[name] for name in names))


def joins(key: str, name: str) -> Arrange:
    """Somebody joins a team."""
    return lambda company: joined(key, company[name])


def owned_by_team(key: str) -> Arrange:
    """The entitlement is owned by a team."""

    def arrange(company: Company) -> None:
        holder = Team.objects.get(key=key).pk
        what = company.entitlement.pk
        run("UPDATE governance_ownership SET identity_id = NULL, team_id = %s WHERE subject_id = %s", holder, what)

    return arrange


def works_in(department: str, *names: str) -> Arrange:
    """Where some work."""

    def arrange(company: Company) -> None:
        for name in names:
            run("UPDATE governance_identity SET department = %s WHERE id = %s", department, company[name].pk)

    return arrange


def delegates(name: str, to: str, kind: str = "") -> Arrange:
    """Somebody has another decide in their place."""
    return lambda company: delegated(company[name], company[to], kind=kind)


def also_known_as(name: str, other: str) -> Arrange:
    """Somebody has another identity."""

    def arrange(company: Company) -> None:
        company.by_name[other] = person(other, human=company[name].human, manager=company.boss)

    return arrange


# The cases ------------------------------------------------------------------------------------------------------------

MANAGER = {"kind": "manager"}
OWNER = {"kind": "entitlement_owner"}
SYSTEM = {"kind": "system_owner"}
PURPOSE = {"kind": "purpose_owner"}
SECURITY = {"kind": "security"}
LEDGER = {"kind": "team", "team": "ledger"}
CONSENT = {"kind": "identity_owner"}
SKIPPED_OWNER = {**OWNER, "skip_repeat": True}
BESIDE = {"stage": 1}
FINANCE = {"counts": ["identity.department == 'Finance'"]}
GOVERNANCE = "Gus, Gwen"
BREAKS = "identity.kind == 'agent' || identity.teams[9] == 'ledger'"
"""Has an answer for an agent, as the ordinary facts are of one, and none for a person in no team."""


@dataclass(frozen=True)
class Case:
    """What each step asks once it is filed, and after these have said yes to what they are asked, one after another.

    A step reads as the names of those it asks while it is open, "nobody" where there is none, and as its state else.
    """

    name: str
    steps: Sequence[dict[str, Any]]
    asks: Sequence[str]
    given: Sequence[Arrange] = ()
    meanwhile: Sequence[Arrange] = ()
    yes: Sequence[str] = ()
    then: Sequence[str] = ()
    granted: bool = False

    def __str__(self) -> str:
        return self.name


CASES = [
    # Fallbacks
    Case("the manager decides", [MANAGER], ["Manager"], yes=["Manager"], then=["approved"], granted=True),
    Case("the manager's manager decides for one away", [MANAGER], ["Boss"], [away("Manager")]),
    Case("governance decides where all above are away", [MANAGER], [GOVERNANCE], [away("Manager", "Boss")]),
    Case("governance decides for who has no manager", [MANAGER], [GOVERNANCE], [managed(None)]),
    Case("a manager's own wish goes to theirs", [MANAGER], ["Boss"], [asks("Manager")]),
    Case("the wish of who has nobody above goes to governance", [MANAGER], [GOVERNANCE], [asks("Boss")]),
    Case("the owner decides", [OWNER], ["Owner"]),
    Case("the backup owner decides for one away", [OWNER], ["Backup"], [backing("Backup"), away("Owner")]),
    Case("governance decides where the backup is away too", [OWNER], [GOVERNANCE],
         [backing("Backup"), away("Owner", "Backup")]),
    Case("an owner's own wish goes to the backup", [OWNER], ["Backup"], [backing("Backup"), asks("Owner")]),
    Case("an owner's own wish goes to governance without one", [OWNER], [GOVERNANCE], [asks("Owner")]),
    Case("a backup's own wish goes to the owner", [OWNER], ["Owner"], [backing("Backup"), asks("Backup")]),
    Case("the owner of the purpose decides", [PURPOSE], ["Owner"]),
    Case("the owner of the system decides", [SYSTEM], ["Owner"]),
    Case("a governor's own wish goes to the other", [MANAGER], ["Gus"], [asks("Gwen")]),
    Case("the last governor's own wish goes to nobody", [MANAGER], ["nobody"], [asks("Gwen"), away("Gus")]),
    Case("governance decides where there is no security", [SECURITY], [GOVERNANCE]),
    Case("security decides", [SECURITY], ["Stranger"], [of_team("security", "Stranger")]),
    Case("the wish of all of security goes to governance", [SECURITY], [GOVERNANCE],
         [of_team("security", "Requester")]),
    # Teams
    Case("a team decides as its members", [LEDGER], ["Backup, Stranger"], [of_team("ledger", "Stranger", "Backup")]),
    Case("a team whose members are away is none", [LEDGER], [GOVERNANCE],
         [of_team("ledger", "Stranger"), away("Stranger")]),
    Case("a team owns as its members", [OWNER], ["Backup, Stranger"],
         [of_team("ledger", "Stranger", "Backup"), owned_by_team("ledger")]),
    Case("a member of the team that owns does not decide for themselves", [OWNER], ["Stranger"],
         [of_team("ledger", "Stranger", "Requester"), owned_by_team("ledger")]),
    Case("the only member of the team that owns does not either", [OWNER], [GOVERNANCE],
         [of_team("ledger", "Requester"), owned_by_team("ledger")]),
    Case("a member's other identity does not", [LEDGER], ["Stranger"],
         [also_known_as("Requester", "Alias"), of_team("ledger", "Stranger", "Alias")]),
    # Routes
    Case("steps follow one another", [MANAGER, OWNER], ["Manager", "waiting"], yes=["Manager"],
         then=["approved", "Owner"]),
    Case("steps of one stage are side by side", [{**MANAGER, **BESIDE}, {**OWNER, **BESIDE}], ["Manager", "Owner"],
         yes=["Owner"], then=["Manager", "approved"]),
    Case("two of three is two", [{**LEDGER, "required": 2}], ["Backup, Owner, Stranger"],
         [of_team("ledger", "Stranger", "Backup", "Owner")], yes=["Backup", "Owner"], then=["approved"], granted=True),
    Case("one of three where two must is not enough", [{**LEDGER, "required": 2}], ["Backup, Owner, Stranger"],
         [of_team("ledger", "Stranger", "Backup", "Owner")], yes=["Backup"], then=["Owner, Stranger"]),
    Case("a quorum larger than the team brings governance in", [{**LEDGER, "required": 2}], ["Stranger"],
         [of_team("ledger", "Stranger")], yes=["Stranger"], then=[GOVERNANCE]),
    Case("everyone is everyone", [{**LEDGER, "everyone": True}], ["Backup, Stranger"],
         [of_team("ledger", "Stranger", "Backup")], yes=["Stranger"], then=["Backup"]),
    Case("who approved one step is replaced in the next", [MANAGER, OWNER], ["Owner", "waiting"], [managed("Owner")],
         yes=["Owner"], then=["approved", GOVERNANCE]),
    Case("by the backup if there is one", [MANAGER, OWNER], ["Owner", "waiting"], [managed("Owner"), backing("Backup")],
         yes=["Owner"], then=["approved", "Backup"]),
    Case("another identity of who approved is replaced too", [MANAGER, OWNER], ["Alias", "waiting"],
         [also_known_as("Owner", "Alias"), managed("Alias")], yes=["Alias"], then=["approved", GOVERNANCE]),
    # Skipping
    Case("a step that would ask the same person is skipped", [MANAGER, SKIPPED_OWNER], ["Owner", "waiting"],
         [managed("Owner")], yes=["Owner"], then=["approved", "skipped"], granted=True),
    Case("also where both are open", [{**MANAGER, **BESIDE}, {**SKIPPED_OWNER, **BESIDE}], ["Owner", "Owner"],
         [managed("Owner")], yes=["Owner"], then=["approved", "skipped"], granted=True),
    Case("and what comes after it opens", [MANAGER, SKIPPED_OWNER, {**SECURITY, "stage": 9}],
         ["Owner", "waiting", "waiting"], [managed("Owner"), of_team("security", "Stranger")], yes=["Owner"],
         then=["approved", "skipped", "Stranger"]),
    Case("it is asked where somebody else could answer", [MANAGER, SKIPPED_OWNER], ["Stranger", "waiting"],
         [managed("Stranger"), of_team("ledger", "Stranger", "Backup"), owned_by_team("ledger")], yes=["Stranger"],
         then=["approved", "Backup"]),
    Case("it is asked where two must agree", [MANAGER, {**SKIPPED_OWNER, "required": 2}], ["Owner", "waiting"],
         [managed("Owner")], yes=["Owner"], then=["approved", GOVERNANCE]),
    Case("it is asked of who is a fallback", [MANAGER, SKIPPED_OWNER], ["Backup", "waiting"],
         [managed("Backup"), backing("Backup"), away("Owner")], yes=["Backup"], then=["approved", GOVERNANCE]),
    Case("it is asked where they approved for another", [MANAGER, SKIPPED_OWNER], ["Owner for Manager", "waiting"],
         [delegates("Manager", "Owner")], yes=["Owner"], then=["approved", GOVERNANCE]),
    # Conditions and who counts
    Case("a step is taken where its condition holds", [MANAGER, {**OWNER, "when": "request.term > duration('1h')"}],
         ["Manager", "waiting"]),
    Case("and left out where it does not", [MANAGER, {**OWNER, "when": "request.term > duration('24h')"}], ["Manager"]),
    Case("who does not count is not asked", [{**LEDGER, **FINANCE}], ["Stranger"],
         [of_team("ledger", "Stranger", "Backup"), works_in("Finance", "Stranger")]),
    Case("where nobody counts governance decides", [{**LEDGER, **FINANCE}], [GOVERNANCE],
         [of_team("ledger", "Stranger", "Backup")]),
    Case("a backup has to count as well", [{**OWNER, **FINANCE}], ["Backup"],
         [backing("Backup"), works_in("Finance", "Backup")]),
    Case("all criteria have to hold", [{**LEDGER, "counts": [*FINANCE["counts"], "identity.name != 'Stranger'"]}],
         ["Backup"], [of_team("ledger", "Stranger", "Backup"), works_in("Finance", "Stranger", "Backup")]),
    Case("a delegate who does not count is not asked", [{**MANAGER, **FINANCE}], ["Manager"],
         [works_in("Finance", "Manager"), delegates("Manager", "Stranger")]),
    # Consents
    Case("a consent is not asked of who asks", [CONSENT, OWNER], ["skipped", "Owner"]),
    Case("a consent alone brings the owner in", [CONSENT], ["skipped", "Owner"], yes=["Owner"],
         then=["skipped", "approved"], granted=True),
    # Delegations
    Case("a delegate decides", [MANAGER], ["Stranger for Manager"], [delegates("Manager", "Stranger")],
         yes=["Stranger"], then=["approved"], granted=True),
    Case("a delegate of another kind does not", [MANAGER], ["Manager"], [delegates("Manager", "Stranger", "security")]),
    Case("a delegate who asks does not", [MANAGER], ["Manager"], [delegates("Manager", "Requester")]),
    Case("another identity of who asks does not either", [MANAGER], ["Manager"],
         [also_known_as("Requester", "Alias"), delegates("Manager", "Alias")]),
    Case("the delegate of one on leave decides", [MANAGER], ["Stranger for Manager"],
         [delegates("Manager", "Stranger"), away("Manager")]),
    Case("without a delegate one on leave is not asked", [MANAGER], ["Boss"], [away("Manager")]),
    Case("a delegate who is away does not", [MANAGER], ["Manager"], [delegates("Manager", "Stranger"),
         away("Stranger")]),
    Case("one delegate of two decides one step", [MANAGER, OWNER], ["Stranger for Manager", "waiting"],
         [delegates("Manager", "Stranger"), delegates("Owner", "Stranger")], yes=["Stranger"],
         then=["approved", "Owner"]),
    Case("a governor's delegate decides beside the other", [MANAGER], ["Gus, Stranger for Gwen"],
         [managed(None), delegates("Gwen", "Stranger")]),
    Case("the delegate of two is one of a quorum", [{**LEDGER, "required": 2}], ["Stranger for Backup"],
         [of_team("ledger", "Backup", "Owner"), delegates("Backup", "Stranger"), delegates("Owner", "Stranger")],
         yes=["Stranger"], then=["Owner"]),
    # Meanwhile
    Case("a new manager takes over", [MANAGER], ["Stranger"], meanwhile=[managed("Stranger")]),
    Case("the next in line takes over from a leaver", [MANAGER], ["Boss"], meanwhile=[gone("Manager")]),
    Case("a delegate takes over", [MANAGER], ["Stranger for Manager"], meanwhile=[delegates("Manager", "Stranger")]),
    Case("who has delegated takes over from a leaver", [MANAGER], ["Manager"], [delegates("Manager", "Stranger")],
         meanwhile=[gone("Stranger")]),
    Case("a new member is asked as well", [LEDGER], ["Backup, Stranger"], [of_team("ledger", "Stranger")],
         meanwhile=[joins("ledger", "Backup")]),
]  # fmt: skip


def shown(request: AccessRequest) -> list[str]:
    """Each step, as a case says it."""
    steps = ApprovalStep.objects.filter(pk__in=step_ids(request)).order_by("position")
    return [
        (", ".join(sorted(asked(step.pk))) or "nobody") if step.state == StepState.OPEN else step.state
        for step in steps
    ]


def say_yes(company: Company, request: AccessRequest, name: str) -> None:
    """Somebody approves the first open step that asks them."""
    steps = ApprovalStep.objects.open().filter(pk__in=step_ids(request)).asking([company[name].pk])
    approve(steps.order_by("position")[0].pk, company[name])


@pytest.mark.parametrize("case", CASES, ids=str)
def test_case(case: Case) -> None:
    company = Company(case.steps)
    for arrange in case.given:
        arrange(company)
    request = company.submit()
    for happen in case.meanwhile:
        happen(company)
        moved()
    assert shown(request) == list(case.asks)
    for name in case.yes:
        say_yes(company, request, name)
    assert shown(request) == list(case.then or case.asks)
    assert Grant.objects.exists() is case.granted


class TestASkippedStep:
    def test_says_who_would_have_been_asked(self) -> None:
        company = Company([MANAGER, SKIPPED_OWNER])
        managed("Owner")(company)
        request = company.submit()
        say_yes(company, request, "Owner")
        skipped = ApprovalStep.objects.get(pk=step_ids(request)[1])
        assert skipped.state_reason == "Approved another step already: Owner"


class TestThePreview:
    """Names whom the steps would ask, before anything is filed."""

    def foreseen(self, steps: Sequence[dict[str, Any]], *given: Arrange) -> list[tuple[str, ...]]:
        company = Company(steps)
        for arrange in given:
            arrange(company)
        wish = draft(company.requester, company.entitlement, company.purpose)
        proposal = requests.preview(draft=wish, actor=actor(company.requester), now=timezone.now())
        return [one.names for one in requests.foreseen(proposal, timezone.now())]

    def test_names_a_delegate(self) -> None:
        assert self.foreseen([MANAGER], delegates("Manager", "Stranger")) == [("Stranger",)]

    def test_names_no_delegate_who_asks(self) -> None:
        assert self.foreseen([MANAGER], delegates("Manager", "Requester")) == [("Manager",)]

    def test_names_who_comes_in_for_who_has_approved(self) -> None:
        assert self.foreseen([MANAGER, OWNER], managed("Owner")) == [("Owner",), ("Gus", "Gwen")]

    def test_names_nobody_else_where_the_step_would_be_skipped(self) -> None:
        assert self.foreseen([MANAGER, SKIPPED_OWNER], managed("Owner")) == [("Owner",), ("Owner",)]


class TestAStepThatAsksNobody:
    def told(self) -> list[str]:
        said = Notification.objects.filter(title__startswith="Nobody can decide").select_related("recipient")
        return sorted(one.recipient.name for one in said)

    def test_tells_whoever_asked_and_governance_once(self) -> None:
        company = Company([MANAGER])
        asks("Boss")(company)
        twin = person("Gwen's other", human=company["Boss"].human)
        run("UPDATE governance_identity SET human_id = %s WHERE name IN ('Gwen', 'Gus')", twin.human_id)
        company.submit()
        assert self.told() == ["Boss", "Gus", "Gwen"]
        moved()
        assert self.told() == ["Boss", "Gus", "Gwen"]

    def test_tells_security_where_there_is_no_governance(self) -> None:
        company = Company([MANAGER])
        for arrange in (asks("Boss"), away("Gwen", "Gus"), of_team("security", "Stranger")):
            arrange(company)
        company.submit()
        assert self.told() == ["Boss", "Stranger"]

    def test_tells_them_when_the_last_one_goes(self) -> None:
        company = Company([MANAGER])
        for arrange in (asks("Boss"), away("Gwen")):
            arrange(company)
        company.submit()
        assert self.told() == []
        away("Gus")(company)
        of_team("security", "Stranger")(company)
        moved()
        assert self.told() == ["Boss", "Stranger"]

    def test_is_said_by_readiness(self) -> None:
        company = Company([MANAGER])
        assert readiness_warnings()["approvals"]() is None
        for arrange in (asks("Gwen"), away("Gus")):
            arrange(company)
        company.submit()
        assert readiness_warnings()["approvals"]() == "1 open without anybody eligible to decide (rule 15)"


class TestNeverMeansYes:
    """Every shape in which a route could fail open."""

    def outcome(self, request: AccessRequest) -> tuple[str, bool]:
        return request.items.get().state, Grant.objects.exists()

    @pytest.mark.parametrize(
        "given",
        [(), (asks("Gwen"), away("Gus", "Manager", "Boss")), (delegates("Manager", "Stranger"),)],
        ids=["nobody answered", "nobody to ask", "the delegate did not answer"],
    )
    def test_a_timeout(self, given: Sequence[Arrange]) -> None:
        company = Company([MANAGER])
        for arrange in given:
            arrange(company)
        request = company.submit()
        late = timezone.now() + STEP_TERM + timedelta(minutes=1)
        assert expire(step_id=step_ids(request)[0], now=late)
        assert self.outcome(request) == (ItemState.EXPIRED, False)

    @pytest.mark.parametrize(
        "when",
        ["false", "request.term > duration('24h')"],
    )
    def test_a_rule_none_of_whose_steps_is_taken(self, when: str) -> None:
        """It covers nothing then, as if its own condition did not hold."""
        request = Company([{**OWNER, "when": when}]).submit()
        assert self.outcome(request) == (ItemState.DENIED, False)

    def test_a_condition_of_a_step_that_breaks(self) -> None:
        request = Company([MANAGER, {**OWNER, "when": BREAKS}]).submit()
        assert self.outcome(request) == (ItemState.DENIED, False)

    def test_criteria_that_break(self) -> None:
        """Nobody counts by them, so whoever comes last decides."""
        request = Company([{**MANAGER, "counts": [BREAKS]}]).submit()
        assert shown(request) == [GOVERNANCE]

    def test_a_delegation_that_ended_before_the_yes(self) -> None:
        company = Company([MANAGER])
        made = delegated(company["Manager"], company["Stranger"])
        request = company.submit()
        ended(made, company["Manager"])
        assert shown(request) == ["Manager"]
        assert self.outcome(request) == (ItemState.PENDING, False)
