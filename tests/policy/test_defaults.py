"""The defaults when somebody forgets, as policy keeps them: each shape in which others fail open."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from governance.core.actor import Actor, Role
from governance.core.errors import Invalid
from governance.core.locking import LockError, unit_of_work
from governance.policy import actions, moves, permissions
from governance.policy.models import PolicyRule, PolicyRuleVersion
from governance.policy.moves import Wording
from governance.policy.queries import Asking, decide, rule_data
from governance.policy.rules import evaluate
from tests.builders import Organisation, actor, person
from tests.policy.samples import facts, rule
from tests.rules.sql import run

pytestmark = pytest.mark.django_db

WORDING = Wording("true", {"allow_without_human": True}, "Because.")
WHY: dict[str, Any] = {"actor": Actor.system("test"), "why": "A test"}


class TestForgotten:
    def test_the_actor_and_nothing_runs(self) -> None:
        with pytest.raises(TypeError, match="actor"):
            moves.install([], person(), why="A test", now=timezone.now())  # type: ignore[call-arg]  # the point

    def test_the_moment_and_nothing_is_decided(self) -> None:
        org = Organisation()
        who = {"identity": org.requester, "purpose": org.purpose, "requester": org.requester}
        with pytest.raises(TypeError, match="now"):
            Asking(**who, term=timedelta(hours=1), assurance=1)  # type: ignore[arg-type]  # the point

    def test_a_rule_that_covers_it_and_it_is_denied(self) -> None:
        org = Organisation()
        run("UPDATE governance_policyruleversion SET state = 'retired', effective_until = effective_from")
        asking = Asking(
            identity=org.requester,
            purpose=org.purpose,
            requester=org.requester,
            term=timedelta(hours=1),
            assurance=1,
            now=timezone.now(),
        )
        assert [reason.text for reason in decide(asking, org.entitlement).denials] == ["No rule covers this access."]

    def test_a_permission_and_it_is_refused(self) -> None:
        assert not permissions.can(actor(person(), Role.ADMINISTRATOR), "amend")
        assert not permissions.can(actor(person(), Role.AUDITOR, Role.SECURITY), "publish")

    def test_an_owner_and_the_rule_is_not_made(self) -> None:
        admin = actor(person(), Role.ADMINISTRATOR)
        gone = person(state="ended")
        with pytest.raises(Invalid, match="owned by an active identity"):
            actions.create_rule(
                key="POL-01",
                title="A",
                owner_id=gone.pk,
                wording=WORDING,
                actor=admin,
                why="A test",
                now=timezone.now(),
            )
        assert not PolicyRule.objects.exists()

    def test_a_lock_and_nothing_moves(self) -> None:
        Organisation()
        loose = PolicyRule.objects.get()
        with pytest.raises(LockError), unit_of_work():
            moves.draft(loose, WORDING, now=timezone.now(), **WHY)

    def test_the_visibility_and_a_stranger_sees_no_rule(self) -> None:
        Organisation()
        assert not permissions.visible(actor(person()), timezone.now()).exists()

    @pytest.mark.parametrize("unknown", [{"alow": True}, {"deny": False}, {"cadence_seconds": "soon"}, [], {}])
    def test_what_an_outcome_means_and_the_rule_denies(self, unknown: Any) -> None:
        damaged = rule_data(
            PolicyRuleVersion(rule=PolicyRule(key="POL-99"), number=1, condition="true", outcomes=unknown)
        )
        assert damaged.defect
        assert not evaluate([damaged, rule("POL-01", allow_without_human=True)], facts()).allowed

    def test_what_a_mode_means_and_the_rule_denies(self) -> None:
        says: dict[str, Any] = {"condition": "true", "reason": "Because.", "outcomes": {"cap_seconds": 60}}
        damaged = rule_data(PolicyRuleVersion(rule=PolicyRule(key="POL-99"), number=1, mode="shadow", **says))
        assert not evaluate([damaged, rule("POL-01", allow_without_human=True)], facts()).allowed

    def test_how_risky_a_value_is_and_it_weighs_as_the_heaviest(self) -> None:
        strict = [rule("POL-01", allow_without_human=True), rule("POL-02", "risk.tier == 'critical'", deny=True)]
        assert evaluate(strict, facts()).allowed
        assert not evaluate(strict, facts(entitlement__risk="unheard of")).allowed
