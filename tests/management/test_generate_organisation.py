"""The generator: consistent with every rule, and the same from the same seed."""

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from io import StringIO
from types import SimpleNamespace
from typing import Any

import pytest
import rfc8785
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from governance.analysis import actions as replays
from governance.audit.models import AuditEvent
from governance.core.actor import Role
from governance.core.errors import Invalid
from governance.evidence.queries import chain_of_grant
from governance.grants.models import Grant
from governance.grants.states import GrantState
from governance.identities.models import Identity
from governance.management import organisation
from governance.management.organisation import Size, faults, generate
from governance.policy import actions as policies
from governance.policy.facts import Facts
from governance.policy.models import PolicyDecision
from governance.policy.moves import Wording, facts_hash
from governance.policy.risk import assessed
from tests.builders import actor
from tests.harness.undone import undone

pytestmark = pytest.mark.django_db

SMALL = Size(people=120, grants=1_500, seed=7)
NOW = datetime(2026, 11, 9, 12, tzinfo=UTC)


def contents() -> dict[str, Any]:
    """Every generated row, whatever the clock of its database said meanwhile."""
    with connection.cursor() as cursor:
        found = {}
        for table in organisation.TABLES.values():
            cursor.execute(
                f"SELECT to_jsonb(t) - 'number' - 'reasons' - 'source_id' - 'subject_id' FROM governance_{table} AS t"
                " WHERE id < '01700000-0000-7000-8000-000000000000' ORDER BY id"
            )
            found[table] = [row[0] for row in cursor.fetchall()]
    return found


class TestGenerate:
    @pytest.mark.parametrize("seed", [1, 2, 3])
    def test_breaks_no_rule(self, seed: int) -> None:
        generate(Size(people=120, grants=1_500, seed=seed), now=timezone.now())
        assert faults(timezone.now()) == {}
        with connection.cursor() as cursor:
            cursor.execute("UPDATE governance_grant SET term = term")
            cursor.execute("UPDATE governance_identity SET ends_at = ends_at")
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # every trigger of the rules looks at every row

    def test_makes_as_much_as_is_asked_for_in_all_states(self) -> None:
        generate(SMALL, now=timezone.now())
        made = Identity.objects.filter(source="generated")
        assert made.filter(kind__in=["person", "external"]).count() == 120
        assert made.count() == 120 + SMALL.machines
        assert Grant.objects.exclude(requester__source="founding").count() == 1_500
        assert set(Grant.objects.values_list("state", flat=True)) == set(GrantState.values)

    def test_makes_the_same_from_the_same_seed_and_another_from_another(self) -> None:
        seen = []
        for seed in (7, 7, 8):
            with undone():
                generate(Size(people=120, grants=1_500, seed=seed), now=NOW)
                seen.append(contents())
        assert seen[0] == seen[1]
        assert seen[0] != seen[2]

    def test_keeps_the_facts_of_a_decision_as_policy_does(self) -> None:
        generate(SMALL, now=timezone.now())
        decision = PolicyDecision.objects.filter(phase="activation").exclude(subject_kind="x").order_by("id")[0]
        assert facts_hash(decision.facts) == decision.facts_hash
        assert {name: set(value) for name, value in decision.facts.items() if isinstance(value, dict)} == {
            name: set(hint.__dataclass_fields__)
            for name, hint in ((field.name, field.type) for field in Facts.__dataclass_fields__.values())
            if hasattr(hint, "__dataclass_fields__")
        }
        assert rfc8785.dumps(decision.facts)

    def test_weighs_the_risk_of_a_decision_as_policy_does(self) -> None:
        generate(SMALL, now=timezone.now())
        weighed = set()
        for facts in PolicyDecision.objects.exclude(subject_kind="x").values_list("facts", flat=True)[:500]:
            said = facts.pop("risk")
            facts["request"]["term"] = timedelta(seconds=facts["request"]["term"])
            known = SimpleNamespace(
                **{name: SimpleNamespace(**group) for name, group in facts.items() if isinstance(group, dict)}
            )
            assert asdict(assessed(known)) == {
                **said,
                "factors": tuple(said["factors"]),
                "weights": tuple(said["weights"]),
            }
            weighed.add(said["tier"])
        assert weighed == {"moderate", "high"}

    def test_makes_decisions_that_can_be_replayed(self) -> None:
        generate(SMALL, now=timezone.now())
        owner = Identity.objects.get(source="founding")
        founder, now = actor(owner, Role.ADMINISTRATOR), timezone.now()
        wording = Wording("true", {"steps": [{"kind": "security"}]}, "Security looks at it.")
        version = policies.create_rule(
            key="POL-77", title="Looked at", owner_id=owner.pk, wording=wording, actor=founder, why="To see", now=now
        )
        run = replays.start(version_id=version.pk, days=30, actor=founder, now=now)
        while replays.run(replay_id=run.pk, actor=founder, clock=timezone.now):
            pass
        run.refresh_from_db()
        counts = (run.counts or {})["grant"]
        assert counts["changed"] == counts["read"] > 1_000

    def test_is_recorded_by_an_event_for_each_kind_of_row(self) -> None:
        generate(SMALL, now=timezone.now())
        event = AuditEvent.objects.select_related("body").get(action="grant.generated")
        assert event.content is not None
        assert event.content["facts"]["count"] == 1_500
        assert len(event.content["facts"]["sha256"]) == 64

    def test_makes_leases_whose_chain_can_be_read(self) -> None:
        generate(SMALL, now=timezone.now())
        for state in GrantState.values:
            chain_of_grant(Grant.objects.with_names().filter(state=state).order_by("pk")[0])

    @pytest.mark.parametrize("size", [Size(39, 100), Size(100, 50), Size(100, 100_000)])
    def test_refuses_what_can_not_be(self, size: Size) -> None:
        with pytest.raises(Invalid):
            generate(size, now=timezone.now())


class TestFaults:
    def test_finds_what_a_lease_does_not_rest_on(self) -> None:
        generate(SMALL, now=timezone.now())
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL session_replication_role = replica")
            cursor.execute(
                "UPDATE governance_assignment SET wanted = NOT wanted WHERE id IN"
                " (SELECT id FROM governance_assignment WHERE id < '01700000-0000-7000-8000-000000000000' LIMIT 3)"
            )
            cursor.execute("DELETE FROM governance_ownership WHERE subject_kind = 'purpose'")
        found = faults(timezone.now())
        assert found["rule 6: an assignment that is wanted otherwise than its leases say"] == 3
        assert "a thing without an owner" in found


class TestCommand:
    def test_is_refused_where_the_portal_may_be_somebodys_own(self, settings: Any) -> None:
        settings.DEBUG = settings.DEMO_MODE = False
        with pytest.raises(CommandError, match="DEBUG"):
            call_command("generate_organisation", people=40, grants=100)

    def test_is_refused_beside_people_unless_forced(self, settings: Any) -> None:
        settings.DEMO_MODE = True
        call_command("generate_organisation", people=40, grants=100, stdout=StringIO())
        with pytest.raises(CommandError, match="not empty"):
            call_command("generate_organisation", people=40, grants=100)

    def test_says_what_it_made(self, settings: Any) -> None:
        settings.DEMO_MODE = True
        out = StringIO()
        call_command("generate_organisation", people=50, grants=200, stdout=out)
        assert out.getvalue().startswith("50 people and 12 machine identities hold 200 grants on 4 systems")
