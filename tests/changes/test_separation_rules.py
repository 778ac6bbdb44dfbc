from datetime import datetime
from typing import Any

import pytest
from django.utils import timezone

from governance.changes.actions import withdraw
from governance.changes.models import ProposedChange
from governance.core.actor import Actor, Role
from governance.core.errors import Conflict, Denied, Invalid, NotFound
from governance.core.stepup import StepUpRequired
from governance.identities.models import Identity
from governance.separation import actions
from governance.separation.models import SeparationRule, SeparationRuleVersion
from governance.separation.moves import SideWording, Wording
from governance.separation.states import VersionState
from tests.apart import administrator, kept_apart, retire, wording
from tests.builders import Organisation, actor, entitlement, person
from tests.changing import asked, propose, steps_of
from tests.leases import approve, reject

pytestmark = pytest.mark.django_db

PUBLISH, RETIRE = "separation_rule.publish", "separation_rule.retire"


@pytest.fixture
def org() -> Organisation:
    return Organisation()


@pytest.fixture
def rule(org: Organisation) -> SeparationRule:
    """In force, and the owner's."""
    return kept_apart(org.entitlement, entitlement(org.system, org.owner), owner=org.owner)


def standing(rule: SeparationRule) -> SeparationRuleVersion:
    return rule.versions.get(state=VersionState.IN_FORCE)


def redrafted(rule: SeparationRule, org: Organisation, by: Actor, **said: Any) -> SeparationRuleVersion:
    """The rule's next draft: the requester's entitlement against another one."""
    told: dict[str, Any] = {"actor": by, "why": "Worded anew", "now": timezone.now()}
    says = wording(org.entitlement, entitlement(org.system, org.owner), **said)
    return actions.draft(rule_id=rule.pk, wording=says, **told)


def yes(change: ProposedChange, by: Identity) -> ProposedChange:
    approve(steps_of(change)[0], by)
    change.refresh_from_db()
    return change


class TestDraft:
    @pytest.mark.parametrize("role", [Role.SECURITY, Role.AUDITOR])
    def test_is_for_administrators_alone(self, org: Organisation, role: Role) -> None:
        with pytest.raises(Denied):
            self.drafted(org, actor(org.stranger, role), {org.entitlement.pk}, set())

    def test_of_the_next_version_is_for_administrators_too(self, org: Organisation, rule: SeparationRule) -> None:
        with pytest.raises(Denied):
            redrafted(rule, org, actor(org.stranger, Role.SECURITY))
        with pytest.raises(NotFound):
            redrafted(rule, org, actor(org.stranger))

    def test_has_two_sides_that_share_nothing(self, org: Organisation) -> None:
        by = actor(org.stranger, Role.ADMINISTRATOR)
        same = {org.entitlement.pk}
        with pytest.raises(Invalid) as refused:
            self.drafted(org, by, same, same)
        assert "On both sides" in refused.value.fields["right"]
        with pytest.raises(Invalid) as refused:
            self.drafted(org, by, same, set())
        assert refused.value.fields.keys() == {"right"}

    def drafted(self, org: Organisation, by: Actor, left: set[Any], right: set[Any]) -> Any:
        said = Wording(
            SideWording(frozenset(left)), SideWording(frozenset(right)), "high", "Whoever orders does not pay."
        )
        now: datetime = timezone.now()
        told: dict[str, Any] = {"wording": said, "actor": by, "why": "Needed", "now": now}
        return actions.create_rule(key="SOD-900", title="A rule", owner_id=org.owner.pk, **told).pk


class TestPublish:
    def test_waits_for_whoever_answers_for_the_rule(self, org: Organisation, rule: SeparationRule) -> None:
        before, draft = standing(rule), redrafted(rule, org, administrator(), severity="low")
        change = propose(PUBLISH, draft, administrator())
        assert asked(steps_of(change)[0]) == {org.owner}
        assert standing(rule) == before
        assert yes(change, org.owner).state == "applied"
        before.refresh_from_db()
        assert (standing(rule), before.state) == (draft, VersionState.RETIRED)

    def test_shows_what_it_says_beside_what_is_in_force(self, org: Organisation, rule: SeparationRule) -> None:
        change = propose(PUBLISH, redrafted(rule, org, administrator(), severity="low"), administrator())
        assert (change.before["severity"], change.payload["severity"]) == ("high", "low")
        assert change.payload["left"] == [f"{org.system.key}/{org.entitlement.key}"]
        assert change.before["right"] != change.payload["right"]

    def test_publishes_nothing_else_than_the_draft_says(self, org: Organisation, rule: SeparationRule) -> None:
        with pytest.raises(Invalid) as refused:
            propose(PUBLISH, redrafted(rule, org, administrator()), administrator(), severity="low")
        assert refused.value.fields.keys() == {"severity"}

    def test_is_not_for_who_drafted_it(self, org: Organisation) -> None:
        """The rule's owner drafted it, and another administrator proposes: the governance team decides."""
        drafter = actor(org.owner, Role.ADMINISTRATOR)
        rule = kept_apart(org.entitlement, entitlement(org.system, org.owner), owner=org.owner)
        step = steps_of(propose(PUBLISH, redrafted(rule, org, drafter), administrator()))[0]
        assert asked(step) == set(org.governance)
        with pytest.raises(NotFound):
            approve(step, org.owner)

    def test_fails_when_what_was_in_force_is_so_no_more(self, org: Organisation, rule: SeparationRule) -> None:
        change = propose(PUBLISH, redrafted(rule, org, administrator()), administrator())
        retire(standing(rule), actor=administrator(), why="Not ours", now=timezone.now())
        assert yes(change, org.owner).state == "failed"
        assert not SeparationRuleVersion.objects.in_force().exists()

    def test_is_of_a_draft_alone(self, org: Organisation, rule: SeparationRule) -> None:
        draft = redrafted(rule, org, administrator())
        change = propose(PUBLISH, draft, administrator())
        actions.discard(version_id=draft.pk, actor=administrator(), why="Not so", now=timezone.now())
        assert yes(change, org.owner).state == "failed"
        with pytest.raises(Conflict, match="discarded"):
            propose(PUBLISH, draft, administrator())


class TestRetire:
    def test_waits_for_whoever_answers_for_the_rule(self, org: Organisation, rule: SeparationRule) -> None:
        change = propose(RETIRE, standing(rule), administrator())
        assert SeparationRuleVersion.objects.in_force().exists()
        assert yes(change, org.owner).state == "applied"
        assert not SeparationRuleVersion.objects.in_force().exists()

    def test_is_not_decided_by_who_proposes_it(self, org: Organisation, rule: SeparationRule) -> None:
        """The rule's owner is an administrator too, and proposes: the governance team decides."""
        step = steps_of(propose(RETIRE, standing(rule), actor(org.owner, Role.ADMINISTRATOR)))[0]
        assert asked(step) == set(org.governance)
        with pytest.raises(NotFound):
            approve(step, org.owner)

    def test_is_not_decided_by_another_identity_of_who_proposes_it(
        self, org: Organisation, rule: SeparationRule
    ) -> None:
        twin = person("Owner again", human=org.owner.human)
        step = steps_of(propose(RETIRE, standing(rule), actor(twin, Role.ADMINISTRATOR)))[0]
        assert org.owner not in asked(step)
        with pytest.raises(NotFound):
            approve(step, org.owner)
        assert SeparationRuleVersion.objects.in_force().exists()

    def test_asks_for_a_fresh_second_factor(self, org: Organisation, rule: SeparationRule) -> None:
        step = steps_of(propose(RETIRE, standing(rule), administrator()))[0]
        with pytest.raises(StepUpRequired):
            approve(step, org.owner, assurance=1)

    def test_comes_to_nothing_when_it_is_rejected_or_taken_back(self, org: Organisation, rule: SeparationRule) -> None:
        reject(steps_of(propose(RETIRE, standing(rule), administrator()))[0], org.owner)
        by = administrator()
        withdraw(change_id=propose(RETIRE, standing(rule), by).pk, actor=by, reason="", now=timezone.now())
        assert SeparationRuleVersion.objects.in_force().exists()

    def test_is_proposed_by_administrators_alone(self, org: Organisation, rule: SeparationRule) -> None:
        for role in (Role.SECURITY, Role.AUDITOR):
            with pytest.raises(Denied):
                propose(RETIRE, standing(rule), actor(org.stranger, role))
        with pytest.raises(Denied):
            propose(RETIRE, standing(rule), org.owner)
        with pytest.raises(NotFound):
            propose(RETIRE, standing(rule), org.stranger)

    def test_is_of_what_is_in_force_alone(self, org: Organisation, rule: SeparationRule) -> None:
        with pytest.raises(Conflict, match="not in force"):
            propose(RETIRE, redrafted(rule, org, administrator()), administrator())

    def test_comes_at_no_other_time(self, org: Organisation, rule: SeparationRule) -> None:
        with pytest.raises(Invalid):
            propose(RETIRE, standing(rule), administrator(), effective_until="2030-01-01T00:00:00Z")
