from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.utils import timezone

from governance.core.actor import Actor, Role
from governance.core.errors import Conflict, Denied, Invalid, NotFound
from governance.core.stepup import StepUpRequired
from governance.identities.models import Identity
from governance.notifications.models import Notification
from governance.separation import actions
from governance.separation.models import Mitigation, SeparationRule
from governance.separation.states import MitigationState
from tests.apart import DAY, kept_apart, mitigated, proposed
from tests.builders import Organisation, actor, entitlement, machine, person
from tests.harness.races import at_once, rounds, seeds, split

pytestmark = pytest.mark.django_db


@pytest.fixture
def org() -> Organisation:
    return Organisation()


@pytest.fixture
def rule(org: Organisation) -> SeparationRule:
    return kept_apart(org.entitlement, entitlement(org.system, org.owner), owner=org.backup)


def decide(mitigation: Mitigation, by: Actor, verb: str = "approve", reason: str = "It is watched.") -> Mitigation:
    done: Any = getattr(actions, f"{verb}_mitigation")
    return done(mitigation_id=mitigation.pk, reason=reason, actor=by, now=timezone.now())  # type: ignore[no-any-return]


def fields(rule: SeparationRule, who: Identity, **said: Any) -> dict[str, str]:
    with pytest.raises(Invalid) as refused:
        proposed(rule, who, who, **said)
    return refused.value.fields


class TestPropose:
    def test_asks_the_rules_owner(self, org: Organisation, rule: SeparationRule) -> None:
        asked = proposed(rule, org.requester, org.requester)
        assert asked.state == MitigationState.PROPOSED
        assert Notification.objects.filter(recipient=org.backup, subject_id=asked.pk).exists()

    def test_is_open_to_the_manager(self, org: Organisation, rule: SeparationRule) -> None:
        assert proposed(rule, org.requester, org.manager).requester == org.manager

    def test_is_not_there_for_strangers(self, org: Organisation, rule: SeparationRule) -> None:
        with pytest.raises(NotFound):
            proposed(rule, org.requester, org.stranger)

    def test_is_refused_to_those_who_only_oversee(self, org: Organisation, rule: SeparationRule) -> None:
        now = timezone.now()
        with pytest.raises(Denied):
            actions.propose_mitigation(
                rule_id=rule.pk,
                identity_id=org.requester.pk,
                reason="It is needed for a while.",
                control="Somebody looks at it.",
                ends_at=now + DAY,
                review_at=now + DAY,
                actor=actor(org.stranger, Role.AUDITOR),
                now=now,
            )

    def test_wants_words_for_why_and_how(self, org: Organisation, rule: SeparationRule) -> None:
        assert fields(rule, org.requester, reason=" ok ", control="").keys() == {"reason", "control"}

    @pytest.mark.parametrize(
        ("ends", "review", "field"),
        [
            (91 * DAY, DAY, "ends_at"),
            (-DAY, -2 * DAY, "ends_at"),
            (DAY, 2 * DAY, "review_at"),
            (DAY, -DAY, "review_at"),
        ],
    )
    def test_ends_and_is_reviewed_in_time(
        self, org: Organisation, rule: SeparationRule, ends: timedelta, review: timedelta, field: str
    ) -> None:
        now = timezone.now()
        assert field in fields(rule, org.requester, now=now, ends_at=now + ends, review_at=now + review)

    def test_is_asked_for_once_at_a_time(self, org: Organisation, rule: SeparationRule) -> None:
        proposed(rule, org.requester, org.requester)
        assert "identity" in fields(rule, org.requester)


class TestApprove:
    @pytest.mark.parametrize("role", [Role.ADMINISTRATOR, Role.AUDITOR])
    def test_is_not_for_those_who_do_not_answer_for_the_rule(
        self, org: Organisation, rule: SeparationRule, role: Role
    ) -> None:
        asked = proposed(rule, org.requester, org.requester)
        with pytest.raises(Denied, match="owner or security decides"):
            decide(asked, actor(org.stranger, role))

    def test_is_not_for_who_asked(self, org: Organisation, rule: SeparationRule) -> None:
        asked = proposed(rule, org.requester, org.backup)
        with pytest.raises(Denied, match="does not approve it"):
            decide(asked, actor(org.backup))

    def test_is_not_for_whom_it_is_for(self, org: Organisation, rule: SeparationRule) -> None:
        asked = proposed(rule, org.requester, org.manager)
        with pytest.raises(Denied, match="does not approve it"):
            decide(asked, actor(org.requester, Role.SECURITY))

    def test_is_not_for_another_identity_of_the_same_human(self, org: Organisation, rule: SeparationRule) -> None:
        asked = proposed(rule, org.requester, org.manager)
        twin = person("Again", human=org.requester.human)
        with pytest.raises(Denied, match="does not approve it"):
            decide(asked, actor(twin, Role.SECURITY))

    def test_is_not_for_who_owns_the_machine_identity(self, org: Organisation, rule: SeparationRule) -> None:
        watch = person("Watch")
        asked = proposed(rule, machine(watch, backup=org.manager), org.manager)
        with pytest.raises(Denied, match="does not approve it"):
            decide(asked, actor(watch, Role.SECURITY))

    def test_needs_a_fresh_second_factor(self, org: Organisation, rule: SeparationRule) -> None:
        asked = proposed(rule, org.requester, org.requester)
        with pytest.raises(StepUpRequired):
            decide(asked, actor(org.backup, assurance=1))

    def test_counts_once(self, org: Organisation, rule: SeparationRule) -> None:
        asked = proposed(rule, org.requester, org.requester)
        decide(asked, actor(org.backup))
        with pytest.raises(Conflict, match="approved already"):
            decide(asked, actor(org.backup), "reject")

    def test_comes_too_late_after_the_end_asked_for(self, org: Organisation, rule: SeparationRule) -> None:
        before = timezone.now() - 2 * DAY
        end = before + DAY
        asked = proposed(rule, org.requester, org.requester, now=before, ends_at=end, review_at=end)
        with pytest.raises(Invalid, match="has passed"):
            decide(asked, actor(org.backup))

    def test_takes_the_place_of_the_one_before(self, org: Organisation, rule: SeparationRule) -> None:
        first = mitigated(rule, org.requester)
        second = mitigated(rule, org.requester)
        first.refresh_from_db()
        assert (first.state, second.state) == (MitigationState.ENDED, MitigationState.APPROVED)


class TestOtherEnds:
    def test_are_explained(self, org: Organisation, rule: SeparationRule) -> None:
        asked = proposed(rule, org.requester, org.requester)
        with pytest.raises(Invalid):
            decide(asked, actor(org.backup), "reject", " ")
        assert decide(asked, actor(org.backup), "reject").state == MitigationState.REJECTED

    def test_are_taking_it_back_by_who_asked(self, org: Organisation, rule: SeparationRule) -> None:
        asked = proposed(rule, org.requester, org.manager)
        with pytest.raises(Denied):
            decide(asked, actor(org.requester), "withdraw")
        assert decide(asked, actor(org.manager), "withdraw").state == MitigationState.WITHDRAWN

    def test_are_an_early_end_by_whom_it_is_for(self, org: Organisation, rule: SeparationRule) -> None:
        assert decide(mitigated(rule, org.requester), actor(org.requester), "end").state == MitigationState.ENDED


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    @rounds
    def test_is_asked_for_once(self, rounds: int) -> None:
        org = Organisation()
        rule = kept_apart(org.entitlement, entitlement(org.system, org.owner), owner=org.backup)
        for seed in seeds(rounds):
            who = person("Asker")
            ask = partial(proposed, rule, who, who)
            done, refused = split(at_once(ask, ask, seed=seed))
            assert (len(done), [type(one) for one in refused]) == (1, [Invalid])

    @rounds
    def test_is_decided_once(self, rounds: int) -> None:
        org = Organisation()
        rule = kept_apart(org.entitlement, entitlement(org.system, org.owner), owner=org.backup)
        for seed in seeds(rounds):
            who = person("Asker")
            asked, watch = proposed(rule, who, who), actor(person("Watch"), Role.SECURITY)
            yes, no = partial(decide, asked, watch), partial(decide, asked, actor(org.backup), "reject")
            (done,), refused = split(at_once(yes, no, seed=seed))
            assert [type(one) for one in refused] == [Conflict]
            asked.refresh_from_db()
            assert (asked.state, asked.decider) == (done.state, done.decider)


class TestInclusions:
    def test_by_hand_form_no_circle(self, org: Organisation) -> None:
        one, two, three = (entitlement(org.system, org.owner) for _ in range(3))
        by = actor(org.stranger, Role.ADMINISTRATOR)
        for pair in ((one, two), (two, three)):
            self.enter(*pair, by)
        with pytest.raises(Invalid) as refused:
            self.enter(three, one, by)
        assert (
            refused.value.fields["conferred"] == f"That would be a circle: {one} confers {two} confers {three} already."
        )
        with pytest.raises(Invalid, match="not itself"):
            self.enter(one, one, by)

    @pytest.mark.django_db(transaction=True)
    @rounds
    def test_by_hand_form_no_circle_when_both_halves_are_entered_at_once(self, rounds: int) -> None:
        org = Organisation()
        for seed in seeds(rounds):
            one, two = (entitlement(org.system, org.owner) for _ in range(2))
            by = actor(org.stranger, Role.ADMINISTRATOR)
            there, back = partial(self.enter, one, two, by), partial(self.enter, two, one, by)
            done, refused = split(at_once(there, back, seed=seed))
            assert (len(done), [type(one) for one in refused]) == (1, [Invalid])

    def test_are_entered_by_administrators_alone(self, org: Organisation) -> None:
        with pytest.raises(Denied):
            self.enter(org.entitlement, org.entitlement, actor(org.owner))

    def test_are_ended_with_a_reason_and_once(self, org: Organisation) -> None:
        by = actor(org.stranger, Role.ADMINISTRATOR)
        made = self.enter(org.entitlement, entitlement(org.system, org.owner), by)
        with pytest.raises(Invalid):
            actions.end_inclusion(inclusion_id=made.pk, actor=by, why=" ", now=timezone.now())
        actions.end_inclusion(inclusion_id=made.pk, actor=by, why="Taken out", now=timezone.now())
        with pytest.raises(NotFound):
            actions.end_inclusion(inclusion_id=made.pk, actor=by, why="Taken out", now=timezone.now())

    def enter(self, one: Any, two: Any, by: Actor) -> Any:
        told: dict[str, Any] = {"actor": by, "why": "So it is", "now": timezone.now()}
        return actions.enter_inclusion(entitlement_id=one.pk, conferred_id=two.pk, **told)
