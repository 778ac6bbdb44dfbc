from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone

from governance.core.actor import Actor, Role
from governance.core.errors import Conflict, Denied, DomainError, IllegalMove, Invalid, NotFound
from governance.core.locking import LockError, unit_of_work
from governance.identities.models import Identity, Ownership
from governance.policy import actions, moves, permissions
from governance.policy.models import PolicyRule, PolicyRuleVersion
from governance.policy.moves import Wording
from governance.policy.queries import rules_in_force
from governance.policy.starter import RULES
from governance.policy.states import Mode, VersionState
from tests import policing
from tests.builders import actor, person
from tests.core.log import events_of, versions_of

pytestmark = pytest.mark.django_db

WHY = "Tightened after the review"
WORDING = Wording("identity.kind == 'agent'", {"steps": [{"kind": "manager"}]}, "{identity.name} is an agent.")


@pytest.fixture
def owner() -> Identity:
    return person("Owner")


@pytest.fixture
def admin() -> Actor:
    return actor(person("Ada"), Role.ADMINISTRATOR)


@pytest.fixture
def version(owner: Identity, admin: Actor) -> PolicyRuleVersion:
    return made(owner, admin)


def made(owner: Identity, admin: Actor, key: str = "POL-01", wording: Wording = WORDING) -> PolicyRuleVersion:
    return actions.create_rule(
        key=key, title="Agents", owner_id=owner.pk, wording=wording, actor=admin, why=WHY, now=timezone.now()
    )


def published(version: PolicyRuleVersion, admin: Actor, start: datetime | None = None) -> PolicyRuleVersion:
    now = timezone.now()
    return policing.publish(version_id=version.pk, effective_from=start or now, actor=admin, why=WHY, now=now)


def drafted(version: PolicyRuleVersion, admin: Actor, wording: Wording = WORDING) -> PolicyRuleVersion:
    return actions.draft(rule_id=version.rule_id, wording=wording, actor=admin, why=WHY, now=timezone.now())


class TestCreateRule:
    def test_makes_a_draft_that_does_not_bite_yet(self, version: PolicyRuleVersion, owner: Identity) -> None:
        assert (version.number, version.state, version.effective_from) == (1, VersionState.DRAFT, None)
        assert rules_in_force(timezone.now() + timedelta(days=1)) == ()
        assert Ownership.objects.get(subject_id=version.rule_id).identity == owner

    def test_records_who_and_why(self, version: PolicyRuleVersion, admin: Actor) -> None:
        (event,) = events_of(version.pk)
        assert event["action"] == "policy_rule_version.draft"
        assert event["content"]["reason"] == WHY
        assert event["content"]["facts"]["condition"] == WORDING.condition
        assert [row["history_actor"] for row in versions_of(version)] == [admin.label]

    @pytest.mark.parametrize("key", ["pol-01", "POL", "POL-1", "POL-01\n", "", "POL-" + "1" * 40])
    def test_refuses_a_key_that_does_not_read_like_one(self, key: str, owner: Identity, admin: Actor) -> None:
        with pytest.raises(Invalid) as refusal:
            made(owner, admin, key)
        assert set(refusal.value.fields) == {"key"}

    def test_refuses_a_key_that_is_taken(self, version: PolicyRuleVersion, owner: Identity, admin: Actor) -> None:
        with pytest.raises(Invalid, match="already exists"):
            made(owner, admin)

    def test_refuses_an_owner_who_is_not_active(self, owner: Identity, admin: Actor) -> None:
        Identity.objects.filter(pk=owner.pk).update(state="suspended")
        with pytest.raises(Invalid) as refusal:
            made(owner, admin)
        assert set(refusal.value.fields) == {"owner"}

    def test_says_what_is_wrong_beside_each_field(self, owner: Identity, admin: Actor) -> None:
        wrong = Wording("identity.kynd == 'agent'", {"alow": True}, "{identity.nome} may.")
        with pytest.raises(Invalid) as refusal:
            made(owner, admin, wording=wrong)
        assert refusal.value.fields["condition"].startswith("Line 1, column 9: There is no fact or function")
        assert set(refusal.value.fields) == {"condition", "outcomes", "reason"}
        assert not PolicyRule.objects.exists()

    @pytest.mark.parametrize("reason", ["", "   ", "At most {cap}."])
    def test_refuses_a_reason_that_says_nothing_or_a_cap_that_is_not_there(
        self, reason: str, owner: Identity, admin: Actor
    ) -> None:
        with pytest.raises(Invalid) as refusal:
            made(owner, admin, wording=Wording("true", {"deny": True}, reason))
        assert set(refusal.value.fields) == {"reason"}


class TestMode:
    @pytest.mark.parametrize("mode", list(Mode))
    def test_is_kept_and_reaches_the_evaluator(self, mode: Mode, owner: Identity, admin: Actor) -> None:
        published(made(owner, admin, wording=replace(WORDING, mode=mode)), admin)
        (rule,) = rules_in_force(timezone.now())
        assert rule.mode is mode

    def test_is_in_full_if_nothing_is_said(self, version: PolicyRuleVersion) -> None:
        assert version.mode == Mode.BLOCK

    def test_is_refused_if_there_is_none_of_that_name(self, owner: Identity, admin: Actor) -> None:
        with pytest.raises(Invalid, match="one of record, warn, require_approval, block") as refusal:
            made(owner, admin, wording=replace(WORDING, mode="shadow"))
        assert set(refusal.value.fields) == {"mode"}

    def test_can_not_require_an_approval_of_what_allows_without_a_human(self, owner: Identity, admin: Actor) -> None:
        says = Wording("true", {"allow_without_human": True}, "Because.", mode=Mode.REQUIRE_APPROVAL)
        with pytest.raises(Invalid) as refusal:
            made(owner, admin, wording=says)
        assert set(refusal.value.fields) == {"mode"}

    def test_changes_with_a_new_version_alone(self, version: PolicyRuleVersion, admin: Actor) -> None:
        published(version, admin)
        published(drafted(version, admin, replace(WORDING, mode=Mode.WARN)), admin)
        modes = PolicyRuleVersion.objects.order_by("number").values_list("mode", flat=True)
        assert list(modes) == [Mode.BLOCK, Mode.WARN]


class TestRedraft:
    def test_changes_a_draft(self, version: PolicyRuleVersion, admin: Actor) -> None:
        other = Wording("true", {"cap_seconds": 60}, "At most {cap}.", 200)
        actions.redraft(version_id=version.pk, wording=other, actor=admin, why=WHY, now=timezone.now())
        version.refresh_from_db()
        assert (version.condition, version.outcomes, version.priority) == ("true", {"cap_seconds": 60}, 200)
        assert [event["action"] for event in events_of(version.pk)][-1] == "policy_rule_version.redrafted"

    def test_refuses_to_change_what_is_published(self, version: PolicyRuleVersion, admin: Actor) -> None:
        published(version, admin)
        with pytest.raises(Conflict, match="draft a new version"):
            actions.redraft(version_id=version.pk, wording=WORDING, actor=admin, why=WHY, now=timezone.now())


class TestPublish:
    def test_puts_the_version_in_force(self, version: PolicyRuleVersion, admin: Actor) -> None:
        published(version, admin)
        (rule,) = rules_in_force(timezone.now())
        assert (rule.key, rule.version, rule.condition) == ("POL-01", 1, WORDING.condition)

    def test_retires_the_version_before_at_the_same_moment(self, version: PolicyRuleVersion, admin: Actor) -> None:
        published(version, admin)
        second = drafted(version, admin)
        start = timezone.now() + timedelta(days=7)
        published(second, admin, start)
        version.refresh_from_db()
        assert (version.state, version.effective_until) == (VersionState.RETIRED, start)
        in_force = [rule.version for at in (start - timedelta(seconds=1), start) for rule in rules_in_force(at)]
        assert in_force == [1, 2]

    def test_works_whatever_the_order_of_the_ids(self, version: PolicyRuleVersion, admin: Actor) -> None:
        older = drafted(version, admin)
        published(older, admin)
        published(version, admin, timezone.now() + timedelta(minutes=1))
        older.refresh_from_db()
        assert older.state == VersionState.RETIRED

    def test_refuses_the_past(self, version: PolicyRuleVersion, admin: Actor) -> None:
        with pytest.raises(Invalid) as refusal:
            published(version, admin, timezone.now() - timedelta(minutes=1))
        assert set(refusal.value.fields) == {"effective_from"}

    def test_refuses_to_begin_before_a_version_that_waits(self, version: PolicyRuleVersion, admin: Actor) -> None:
        published(version, admin, timezone.now() + timedelta(days=7))
        with pytest.raises(Conflict, match="retire it first"):
            published(drafted(version, admin), admin)
        assert PolicyRuleVersion.objects.get(pk=version.pk).state == VersionState.PUBLISHED

    def test_refuses_to_publish_twice(self, version: PolicyRuleVersion, admin: Actor) -> None:
        published(version, admin)
        with pytest.raises(DomainError):
            published(version, admin, timezone.now() + timedelta(days=1))

    def test_checks_the_wording_once_more(self, version: PolicyRuleVersion, admin: Actor) -> None:
        PolicyRuleVersion.objects.filter(pk=version.pk).update(condition="identity.gone == 'x'")
        with pytest.raises(Invalid, match=r"identity\.gone"):
            published(version, admin)


class TestRetire:
    def test_ends_the_version_now(self, version: PolicyRuleVersion, admin: Actor) -> None:
        published(version, admin)
        now = timezone.now()
        policing.retire(version_id=version.pk, actor=admin, why=WHY, now=now)
        assert rules_in_force(now) == ()
        assert len(rules_in_force(now - timedelta(microseconds=1))) == 1

    def test_keeps_a_version_that_waits_from_ever_taking_effect(self, version: PolicyRuleVersion, admin: Actor) -> None:
        start = timezone.now() + timedelta(days=7)
        published(version, admin, start)
        policing.retire(version_id=version.pk, actor=admin, why=WHY, now=timezone.now())
        assert rules_in_force(start) == ()
        published(drafted(version, admin), admin)
        assert [rule.version for rule in rules_in_force(start)] == [2]

    def test_ends_a_version_sooner_than_its_successor_would(self, version: PolicyRuleVersion, admin: Actor) -> None:
        published(version, admin)
        published(drafted(version, admin), admin, timezone.now() + timedelta(days=7))
        now = timezone.now()
        policing.retire(version_id=version.pk, actor=admin, why=WHY, now=now)
        assert rules_in_force(now) == ()
        assert [event["action"] for event in events_of(version.pk)][-1] == "policy_rule_version.shortened"

    def test_leaves_room_for_another_version_before_the_end(self, version: PolicyRuleVersion, admin: Actor) -> None:
        published(version, admin)
        second = published(drafted(version, admin), admin, timezone.now() + timedelta(days=7))
        policing.retire(version_id=second.pk, actor=admin, why=WHY, now=timezone.now())
        published(drafted(version, admin), admin)
        in_force = [rule.version for days in (0, 8) for rule in rules_in_force(timezone.now() + timedelta(days=days))]
        assert in_force == [3, 3]

    def test_refuses_to_end_what_has_ended(self, version: PolicyRuleVersion, admin: Actor) -> None:
        published(version, admin)
        policing.retire(version_id=version.pk, actor=admin, why=WHY, now=timezone.now())
        with pytest.raises(IllegalMove):
            policing.retire(version_id=version.pk, actor=admin, why=WHY, now=timezone.now())

    def test_refuses_what_is_not_published(self, version: PolicyRuleVersion, admin: Actor) -> None:
        with pytest.raises(IllegalMove):
            policing.retire(version_id=version.pk, actor=admin, why=WHY, now=timezone.now())


def _create(version: PolicyRuleVersion, by: Actor) -> Any:
    return made(Identity.objects.get(name="Owner"), by, "POL-77")


def _redraft(version: PolicyRuleVersion, by: Actor) -> Any:
    return actions.redraft(version_id=version.pk, wording=WORDING, actor=by, why=WHY, now=timezone.now())


def _retire(version: PolicyRuleVersion, by: Actor) -> Any:
    return policing.retire(version_id=version.pk, actor=by, why=WHY, now=timezone.now())


ACTS: list[Callable[[PolicyRuleVersion, Actor], Any]] = [drafted, _redraft, published, _retire]


class TestPermissions:
    @pytest.mark.parametrize("act", [_create, *ACTS])
    @pytest.mark.parametrize("role", [Role.AUDITOR, Role.SECURITY])
    def test_let_only_administrators_change_anything(
        self, act: Callable[[PolicyRuleVersion, Actor], Any], role: Role, version: PolicyRuleVersion
    ) -> None:
        with pytest.raises(Denied, match="Only an administrator"):
            act(version, actor(person(), role))

    @pytest.mark.parametrize("act", ACTS)
    def test_hide_rules_from_strangers(
        self, act: Callable[[PolicyRuleVersion, Actor], Any], version: PolicyRuleVersion
    ) -> None:
        with pytest.raises(NotFound):
            act(version, actor(person()))

    def test_let_an_owner_see_and_not_change(self, version: PolicyRuleVersion, owner: Identity) -> None:
        mine = actor(owner)
        assert list(permissions.visible(mine, timezone.now())) == [version.rule]
        with pytest.raises(Denied):
            drafted(version, mine)

    def test_show_a_stranger_none(self, version: PolicyRuleVersion) -> None:
        assert not permissions.visible(actor(person()), timezone.now()).exists()

    def test_know_no_version_that_is_not_there(self, admin: Actor) -> None:
        with pytest.raises(NotFound):
            policing.retire(version_id=UUID(int=1), actor=admin, why=WHY, now=timezone.now())

    def test_allow_no_verb_that_is_not_listed(self, admin: Actor) -> None:
        assert permissions.can(admin, "publish")
        assert not permissions.can(admin, "delete")


class TestDraft:
    def test_refuses_a_rule_that_is_not_held(self, version: PolicyRuleVersion, admin: Actor) -> None:
        rule = PolicyRule.objects.get()
        with pytest.raises(LockError), unit_of_work():
            moves.draft(rule, WORDING, actor=admin, why=WHY, now=timezone.now())


class TestInstall:
    def test_puts_the_starter_rules_in_force(self, owner: Identity) -> None:
        now = timezone.now()
        with unit_of_work():
            moves.install(RULES, owner, actor=Actor.system("demo"), why="To begin with", now=now)
        assert [(rule.key, rule.defect) for rule in rules_in_force(now)] == [(rule.key, "") for rule in RULES]
