from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from governance.access.models import Assignment, PresencePeriod
from governance.catalog.models import Entitlement
from governance.identities.models import Identity, Ownership, TeamMembership
from governance.identities.states import Kind, Status
from governance.policy.models import PolicyRule, PolicyRuleVersion
from governance.policy.queries import Asking, decide, decide_many, gather_facts, gather_many, rule_data, rules_in_force
from governance.policy.states import Mode, StepKind, VersionState
from tests.builders import Organisation, account, entitlement, keep, machine, person, rule, system, team

pytestmark = pytest.mark.django_db


@pytest.fixture
def company() -> Organisation:
    return Organisation()


def asking(company: Organisation, **fields: Any) -> Asking:
    values: dict[str, Any] = {
        "identity": company.requester,
        "purpose": company.purpose,
        "requester": company.requester,
        "term": timedelta(hours=2),
        "assurance": 2,
        "now": timezone.now(),
    }
    return Asking(**{**values, **fields})


def texts(company: Organisation, **fields: Any) -> list[str]:
    return [reason.text for reason in decide(asking(company, **fields), company.entitlement).denials]


class TestDecide:
    def test_asks_for_the_steps_of_the_rules_in_force(self, company: Organisation) -> None:
        verdict = decide(asking(company), company.entitlement)
        assert verdict.allowed
        assert [step.kind for step in verdict.steps] == [StepKind.MANAGER, StepKind.ENTITLEMENT_OWNER]
        assert verdict.rule_versions == ((company.rule.key, 1),)

    def test_denies_before_any_rule_is_in_force(self, company: Organisation) -> None:
        assert texts(company, now=timezone.now() - timedelta(days=1)) == ["No rule covers this access."]

    def test_denies_where_outcomes_in_the_database_cannot_be_read(self, company: Organisation) -> None:
        damaged = keep(PolicyRule(key="POL-99", title="Damaged"))
        says: dict[str, Any] = {"condition": "true", "reason": "Because.", "outcomes": {"alow": True}}
        begins = {"state": VersionState.PUBLISHED, "effective_from": timezone.now()}
        keep(PolicyRuleVersion(rule=damaged, number=1, **says, **begins))
        (denial,) = decide(asking(company), company.entitlement).denials
        assert (denial.rule_key, denial.broken) == ("POL-99", True)

    def test_denies_where_a_mode_in_the_database_cannot_be_read(self, company: Organisation) -> None:
        damaged = rule_data(PolicyRuleVersion(rule=PolicyRule(key="POL-99"), number=1, mode="shadow", outcomes={}))
        assert (damaged.mode, damaged.defect) == (Mode.BLOCK, "'shadow' is not a valid Mode")

    def test_denies_what_the_purpose_does_not_justify(self, company: Organisation) -> None:
        other = entitlement(company.system, company.owner)
        (denial,) = decide(asking(company), other).denials
        assert denial.text == f"Purpose {company.purpose.reference} does not justify {other.name}."

    def test_denies_again_once_the_justification_has_ended(self, company: Organisation) -> None:
        company.purpose.justifications.update(ended_at=timezone.now())
        assert "does not justify" in texts(company)[0]

    def test_limits_the_lease_to_the_end_of_the_sponsorship(self, company: Organisation) -> None:
        identity = machine(company.owner)
        until = timezone.now() + timedelta(hours=1)
        Ownership.objects.filter(subject_id=identity.pk).update(ends_at=until)
        verdict = decide(asking(company, identity=identity), company.entitlement)
        assert verdict.latest_end == until
        assert "ownership" in verdict.binding.text

    def test_denies_a_machine_whose_owner_has_gone(self, company: Organisation) -> None:
        owner = person()
        identity = machine(owner)
        assert texts(company, identity=identity) == []
        Identity.objects.filter(pk=owner.pk).update(state=Status.SUSPENDED)
        assert texts(company, identity=identity) == [f"{identity.name} has no active owner."]

    def test_says_the_same_of_many_as_of_each(self, company: Organisation) -> None:
        others = [entitlement(company.system, company.owner, risk=risk) for risk in ("low", "high")]
        question = asking(company)
        together = decide_many(question, [company.entitlement, *others])
        assert together == {one.pk: decide(question, one) for one in [company.entitlement, *others]}

    def test_stores_nothing(self, company: Organisation) -> None:
        with transaction.atomic():
            connection.cursor().execute("SET TRANSACTION READ ONLY")
            decide(asking(company), company.entitlement)

    @pytest.mark.parametrize("of_machine", [False, True])
    def test_needs_no_more_queries_for_more_entitlements(self, company: Organisation, of_machine: bool) -> None:
        identity = machine(company.owner) if of_machine else company.requester
        question = asking(company, identity=identity)
        few = [company.entitlement]
        many = few + [entitlement(system(company.owner), company.owner) for _ in range(8)]
        assert _queries(question, few) == _queries(question, many) <= 9


def _queries(question: Asking, entitlements: list[Entitlement]) -> int:
    fresh = list(Entitlement.objects.filter(pk__in=[one.pk for one in entitlements]))
    with CaptureQueriesContext(connection) as queries:
        decide_many(question, fresh)
    return len(queries)


class TestGatherFacts:
    def test_takes_identity_system_and_purpose_as_they_are(self, company: Organisation) -> None:
        now = timezone.now()
        found = gather_facts(asking(company, now=now), company.entitlement)
        assert (found.identity.name, found.identity.kind, found.identity.status) == ("Requester", "person", "active")
        assert (found.system.key, found.system.environment) == (company.system.key, "production")
        assert (found.entitlement.key, found.entitlement.risk) == (company.entitlement.key, "moderate")
        assert (found.purpose.reference, found.purpose.justifies) == (company.purpose.reference, True)
        assert (found.request.term, found.assurance, found.now) == (timedelta(hours=2), 2, now)

    def test_knows_whether_one_asks_for_oneself(self, company: Organisation) -> None:
        second = keep(
            Identity(
                kind=Kind.PERSON,
                name="Admin account",
                state=Status.ACTIVE,
                source="ad",
                external_key="adm",
                human=company.requester.human,
            )
        )
        assert gather_facts(asking(company), company.entitlement).request.for_self
        assert gather_facts(asking(company, requester=second), company.entitlement).request.for_self
        assert not gather_facts(asking(company, requester=company.manager), company.entitlement).request.for_self

    def test_knows_a_machine_that_asks_for_itself(self, company: Organisation) -> None:
        robot = machine(company.owner)
        request = gather_facts(asking(company, identity=robot, requester=robot), company.entitlement).request
        assert (request.by_machine, request.for_self, request.requester_kind) == (True, True, "service_account")

    def test_never_takes_two_machines_for_one(self, company: Organisation) -> None:
        question = asking(company, identity=machine(company.owner), requester=machine(company.owner))
        assert not gather_facts(question, company.entitlement).request.for_self

    def test_lists_what_is_wanted_and_what_was_seen(self, company: Organisation) -> None:
        wanted, seen, gone, neither = (entitlement(company.system, company.owner, key=key) for key in "wsgn")
        for one in (wanted, seen, gone, neither):
            keep(Assignment(account=company.account, entitlement=one, wanted=one is wanted))
        since = timezone.now() - timedelta(days=2)
        _present(seen, since, None)
        _present(gone, since, timezone.now())
        stranger = Assignment(account=account(company.stranger, company.system), entitlement=neither, wanted=True)
        keep(stranger)
        held = gather_facts(asking(company), company.entitlement).access.entitlements
        assert held == (f"{company.system.key}/s", f"{company.system.key}/w")

    def test_knows_of_privileged_access_besides_what_is_asked_for(self, company: Organisation) -> None:
        root, other = (entitlement(company.system, company.owner, privileged=one) for one in (True, False))
        keep(Assignment(account=company.account, entitlement=root, wanted=True))
        found = gather_many(asking(company), [root, other])
        assert (found[root.pk].access.privileged, found[other.pk].access.privileged) == (False, True)

    def test_knows_the_teams_and_keys_of_the_identity(self, company: Organisation) -> None:
        team("ledger", company.requester)
        team("audit", company.requester, company.stranger)
        left = TeamMembership.objects.filter(team__key="audit", identity=company.requester)
        assert gather_facts(asking(company), company.entitlement).identity.teams == ("audit", "ledger")
        left.update(ends_at=timezone.now())
        found = gather_facts(asking(company), company.entitlement).identity
        assert (found.teams, found.external_key) == (("ledger",), company.requester.external_key)
        robot = machine(company.owner)
        known = gather_facts(asking(company, identity=robot), company.entitlement).identity
        assert known.canonical_identifier == robot.canonical_identifier

    def test_knows_hour_and_weekday_in_utc(self, company: Organisation) -> None:
        sunday = datetime(2026, 11, 22, 1, 30, tzinfo=timezone.get_fixed_timezone(120))
        found = gather_facts(asking(company, now=sunday), company.entitlement).time
        assert (found.hour, found.weekday) == (23, 6)

    def test_knows_break_glass_and_the_requester(self, company: Organisation) -> None:
        found = gather_facts(asking(company, break_glass=True), company.entitlement).request
        assert (found.break_glass, found.requester_department) == (True, company.requester.department)
        assert not gather_facts(asking(company), company.entitlement).request.break_glass

    def test_is_keyed_by_the_entitlements_asked_about(self, company: Organisation) -> None:
        other = entitlement(company.system, company.owner)
        found = gather_many(asking(company), [company.entitlement, other])
        assert {pk: facts.purpose.justifies for pk, facts in found.items()} == {
            company.entitlement.pk: True,
            other.pk: False,
        }


def _present(of: Entitlement, starts_at: datetime, ends_at: datetime | None) -> None:
    assignment = Assignment.objects.get(entitlement=of)
    PresencePeriod.objects.create(assignment=assignment, starts_at=starts_at, ends_at=ends_at)


class TestRulesInForce:
    def test_are_loaded_in_one_query(self, company: Organisation) -> None:
        rule("security")
        with CaptureQueriesContext(connection) as queries:
            assert len(rules_in_force(timezone.now())) == 2
        assert len(queries) == 1

    def test_begin_and_end_at_their_very_moments(self, company: Organisation) -> None:
        version = PolicyRuleVersion.objects.get()
        assert version.effective_from is not None
        start, end = version.effective_from, version.effective_from + timedelta(days=1)
        PolicyRuleVersion.objects.update(effective_until=end)
        tick = timedelta(microseconds=1)
        assert [len(rules_in_force(at)) for at in (start - tick, start, end - tick, end)] == [0, 1, 1, 0]
