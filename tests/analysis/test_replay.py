"""A version of a rule held against what was decided before it."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from governance.analysis import actions, moves, permissions, queries, tasks
from governance.analysis.models import Finding, Replay
from governance.analysis.states import ReplayState
from governance.catalog.states import Risk
from governance.core.actor import Actor, Role
from governance.core.errors import Conflict, Denied, Invalid, NotFound
from governance.lifecycle.states import Fate
from governance.policy import actions as policy
from governance.policy.differences import summed
from governance.policy.models import PolicyDecision, PolicyRuleVersion
from governance.policy.moves import Wording
from governance.policy.states import Mode
from tests import builders
from tests.builders import Organisation, actor, live_grant, person
from tests.core.log import events_of

pytestmark = pytest.mark.django_db

SYSTEM = Actor.system("replay")
MANAGER = [{"kind": "manager"}]


@pytest.fixture
def org() -> Organisation:
    return Organisation("manager")


@pytest.fixture
def admin() -> Actor:
    return actor(person("Ada"), Role.ADMINISTRATOR)


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "BATCH", 2)


def draft(
    org: Organisation, admin: Actor, condition: str = "true", mode: str = Mode.BLOCK, **outcomes: Any
) -> PolicyRuleVersion:
    """The next version of the organisation's one rule."""
    wording = Wording(condition, outcomes or {"deny": True}, "Because of the draft.", mode=mode)
    return policy.draft(rule_id=org.rule.pk, wording=wording, actor=admin, why="To try", now=timezone.now())


def other(admin: Actor, condition: str, mode: str = Mode.BLOCK, **outcomes: Any) -> PolicyRuleVersion:
    """The first draft of another rule."""
    wording = Wording(condition, outcomes, "Because of the other.", mode=mode)
    return policy.create_rule(
        key="POL-90", title="Another", owner_id=admin.identity_id or person().pk, wording=wording, actor=admin,
        why="To try", now=timezone.now(),
    )  # fmt: skip


def replayed(version: PolicyRuleVersion, admin: Actor, days: int = 30, now: datetime | None = None) -> Replay:
    replay = actions.start(version_id=version.pk, days=days, actor=admin, now=now or timezone.now())
    assert not actions.run(replay_id=replay.pk, actor=SYSTEM, clock=timezone.now)
    replay.refresh_from_db()
    return replay


def found(replay: Replay) -> list[tuple[str, list[str]]]:
    return [(one.source, one.changes) for one in Finding.objects.filter(replay=replay).order_by("number")]


class TestReplay:
    def test_finds_nothing_where_both_versions_say_the_same(self, org: Organisation, admin: Actor) -> None:
        live_grant(org.submit())
        replay = replayed(draft(org, admin, "true && request.term > duration('1m')", steps=MANAGER), admin)
        assert replay.state == ReplayState.DONE
        assert found(replay) == []
        counts = replay.counts or {}
        assert (counts["request"]["read"], counts["grant"]["read"]) == (1, 1)

    def test_finds_who_would_be_denied(self, org: Organisation, admin: Actor) -> None:
        grant = live_grant(org.submit())
        replay = replayed(draft(org, admin, deny=True), admin)
        assert found(replay) == [("request", ["denied"]), ("grant", ["denied"])]
        finding = Finding.objects.get(replay=replay, source="grant")
        assert (finding.subject_id, finding.reference) == (grant.pk, str(grant))
        assert (finding.holder, finding.entitlement) == (org.requester.name, org.entitlement.name)
        assert (finding.before["allowed"], finding.after["allowed"]) == (True, False)

    def test_finds_who_would_no_longer_be_covered(self, org: Organisation, admin: Actor) -> None:
        org.submit()
        replay = replayed(draft(org, admin, "false", steps=MANAGER), admin)
        assert found(replay) == [("request", ["denied"])]

    def test_finds_who_would_be_allowed(self, org: Organisation, admin: Actor) -> None:
        builders.rule(deny=True, key="POL-80", condition="entitlement.risk == 'critical'")
        critical = builders.entitlement(org.system, org.owner, risk=Risk.CRITICAL)
        why = builders.purpose(org.owner, critical)
        org.submit(entitlement_ids=(critical.pk,), purpose_id=why.pk)
        version = PolicyRuleVersion.objects.get(rule__key="POL-80")
        wording = Wording("entitlement.risk == 'critical' && !purpose.justifies", {"deny": True}, "No.")
        softer = policy.draft(rule_id=version.rule_id, wording=wording, actor=admin, why="x", now=timezone.now())
        assert found(replayed(softer, admin)) == [("request", ["allowed"])]

    def test_finds_whom_a_broken_rule_denied(self, org: Organisation, admin: Actor) -> None:
        """The version that mends it says the same and applies as well."""
        broken = builders.rule("manager", key="POL-80", condition=BREAKS)
        org.submit()
        wording = Wording("true", {"steps": MANAGER}, "Mended.")
        mended = policy.draft(rule_id=broken.pk, wording=wording, actor=admin, why="x", now=timezone.now())
        assert found(replayed(mended, admin)) == [("request", ["allowed"])]

    @pytest.mark.parametrize(
        ("outcomes", "changes"),
        [
            ({"steps": [{"kind": "manager"}, {"kind": "security"}]}, ["steps_added"]),
            ({"steps": [{"kind": "manager", "required": 2}]}, ["steps_added"]),
            ({"steps": [{"kind": "entitlement_owner"}]}, ["steps_added", "steps_removed"]),
            ({"allow_without_human": True}, ["steps_removed"]),
            ({"steps": MANAGER, "cap_seconds": 3600}, ["shorter"]),
            ({"steps": MANAGER}, []),
        ],
    )
    def test_tells_how_a_verdict_would_differ(
        self, org: Organisation, admin: Actor, outcomes: dict[str, Any], changes: list[str]
    ) -> None:
        org.submit()
        assert [kinds for _, kinds in found(replayed(draft(org, admin, **outcomes), admin))] == [changes][
            : len(changes)
        ]

    def test_finds_a_longer_lease(self, admin: Actor) -> None:
        org = Organisation("manager")
        capped = builders.rule(cap_seconds=3600, key="POL-80", condition="true")
        org.submit(term=timedelta(minutes=30))
        wording = Wording("true", {"cap_seconds": 7200}, "At most {cap}.")
        longer = policy.draft(rule_id=capped.pk, wording=wording, actor=admin, why="x", now=timezone.now())
        assert found(replayed(longer, admin)) == [("request", ["longer"])]

    def test_takes_a_rule_that_was_never_in_force(self, org: Organisation, admin: Actor) -> None:
        org.submit()
        version = other(admin, "identity.kind == 'person'", steps=[{"kind": "security"}])
        assert found(replayed(version, admin)) == [("request", ["steps_added"])]

    def test_says_no_yes_where_the_condition_breaks(self, org: Organisation, admin: Actor) -> None:
        org.submit()
        version = other(admin, BREAKS, steps=MANAGER)
        assert found(replayed(version, admin)) == [("request", ["denied"])]

    def test_leaves_out_requests_of_before(self, org: Organisation, admin: Actor) -> None:
        org.submit()
        version, later = draft(org, admin, deny=True), timezone.now() + timedelta(days=10)
        assert found(replayed(version, admin, days=5, now=later)) == []
        assert found(replayed(version, admin, days=15, now=later)) == [("request", ["denied"])]

    def test_reads_batch_after_batch(self, org: Organisation, admin: Actor) -> None:
        for _ in range(5):
            what = builders.entitlement(org.system, org.owner)
            org.submit(entitlement_ids=(what.pk,), purpose_id=builders.purpose(org.owner, what).pk)
        replay = replayed(draft(org, admin, deny=True), admin)
        assert found(replay) == [("request", ["denied"])] * 5
        assert list(replay.findings.order_by("number").values_list("number", flat=True)) == [1, 2, 3, 4, 5]

    def test_keeps_so_many_findings_and_counts_all(
        self, org: Organisation, admin: Actor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(moves, "MOST_FINDINGS", 1)
        live_grant(org.submit())
        replay = replayed(draft(org, admin, deny=True), admin)
        assert len(found(replay)) == 1
        counts = replay.counts or {}
        assert [counts[source]["changed"] for source in ("request", "grant")] == [1, 1]
        assert counts["grant"]["denied"] == 1

    def test_counts_what_lacks_a_fact(self, org: Organisation, admin: Actor) -> None:
        live_grant(org.submit())
        forgotten("department")
        replay = replayed(draft(org, admin, "identity.department == 'IT'", deny=True), admin)
        counts = replay.counts or {}
        assert [counts[source]["not_replayable"] for source in ("request", "grant")] == [1, 1]
        assert found(replay) == []

    def test_changes_nothing_of_what_it_reads(self, org: Organisation, admin: Actor) -> None:
        live_grant(org.submit())
        version = draft(org, admin, deny=True)
        before = stood()
        replayed(version, admin)
        assert stood() == before

    def test_asks_the_engine_only_of_what_is_new(self, org: Organisation, admin: Actor) -> None:
        """What lacks a fact that only the whole evaluation needs is replayed, unless the version says something new."""
        live_grant(org.submit())
        forgotten("department")
        same = replayed(draft(org, admin, "true && !system.id.startsWith('x')", steps=MANAGER), admin)
        new = replayed(draft(org, admin, "true", steps=[{"kind": "security"}]), admin)
        lacking = [[one["not_replayable"] for one in (replay.counts or {}).values()] for replay in (same, new)]
        assert lacking == [[0, 0], [1, 1]]


BREAKS = "duration(identity.department == 'Finance' ? '1h' : 'x') > duration('1m')"


class TestModes:
    @pytest.mark.parametrize("mode", [Mode.RECORD, Mode.WARN])
    @pytest.mark.parametrize("condition", ["true", BREAKS])
    def test_without_effect_change_no_verdict(
        self, org: Organisation, admin: Actor, mode: Mode, condition: str
    ) -> None:
        live_grant(org.submit())
        replay = replayed(other(admin, condition, mode, deny=True), admin)
        assert found(replay) == []
        assert (replay.counts or {})["grant"]["read"] == 1

    def test_that_require_approval_add_steps_and_deny_nothing(self, org: Organisation, admin: Actor) -> None:
        org.submit()
        version = other(admin, "true", Mode.REQUIRE_APPROVAL, deny=True)
        assert found(replayed(version, admin)) == [("request", ["steps_added"])]

    def test_that_require_approval_deny_where_they_break(self, org: Organisation, admin: Actor) -> None:
        org.submit()
        version = other(admin, BREAKS, Mode.REQUIRE_APPROVAL, deny=True)
        assert found(replayed(version, admin)) == [("request", ["denied"])]

    def test_that_take_a_rule_out_of_force_uncover_what_it_covered(self, org: Organisation, admin: Actor) -> None:
        org.submit()
        version = draft(org, admin, "true", Mode.RECORD, steps=MANAGER)
        assert found(replayed(version, admin)) == [("request", ["denied"])]

    def test_of_other_rules_are_as_they_were(self, org: Organisation, admin: Actor) -> None:
        builders.rule(deny=True, key="POL-80", condition="true", mode=Mode.WARN)
        org.submit()
        assert found(replayed(other(admin, "true", steps=MANAGER), admin)) == []


class TestCadence:
    @pytest.mark.parametrize(
        ("seconds", "changes"), [(86400, ["reviewed_more"]), (30 * 86400, []), (60 * 86400, ["reviewed_less"])]
    )
    def test_is_compared(self, org: Organisation, admin: Actor, seconds: int, changes: list[str]) -> None:
        tight = builders.rule(cadence_seconds=30 * 86400, key="POL-80", condition="true")
        org.submit()
        wording = Wording("true", {"cadence_seconds": seconds}, "Every {cadence}.")
        version = policy.draft(rule_id=tight.pk, wording=wording, actor=admin, why="x", now=timezone.now())
        assert [kinds for _, kinds in found(replayed(version, admin))] == ([changes] if changes else [])

    def test_is_not_where_the_decision_is_older(self, org: Organisation, admin: Actor) -> None:
        org.submit()
        with unguarded():
            PolicyDecision.objects.update(cadence=None)
        version = draft(org, admin, steps=MANAGER, cadence_seconds=3600)
        assert found(replayed(version, admin)) == []

    def test_is_told(self, org: Organisation, admin: Actor) -> None:
        org.submit()
        replay = replayed(draft(org, admin, steps=MANAGER, cadence_seconds=3600), admin)
        assert summed(Finding.objects.get(replay=replay).after).endswith("reviewed every 1 hour")


class TestFates:
    """What the version would mean to live leases, sorted as publishing it would carry it out."""

    @pytest.mark.parametrize(
        ("outcomes", "fate"),
        [
            ({"steps": MANAGER}, "unchanged"),
            ({"steps": MANAGER, "cadence_seconds": 3600}, "unchanged"),
            ({"steps": [*MANAGER, {"kind": "security"}]}, "review"),
            ({"steps": MANAGER, "cap_seconds": 3600}, "review"),
            ({"deny": True}, "revoke"),
        ],
    )
    def test_are_counted_for_grants(self, org: Organisation, admin: Actor, outcomes: dict[str, Any], fate: str) -> None:
        live_grant(org.submit())
        replay = replayed(draft(org, admin, **outcomes), admin)
        counts = (replay.counts or {})["grant"]
        assert {name: counts[name] for name in Fate.values} == {**dict.fromkeys(Fate.values, 0), fate: 1}

    def test_say_why(self, org: Organisation, admin: Actor) -> None:
        live_grant(org.submit())
        replay = replayed(draft(org, admin, deny=True), admin)
        assert summed(Finding.objects.get(replay=replay, source="grant").after) == "Denied: Because of the draft."


class TestRun:
    def test_goes_on_where_another_worker_ended(self, org: Organisation, admin: Actor) -> None:
        live_grant(org.submit())
        replay = actions.start(version_id=draft(org, admin, deny=True).pk, days=30, actor=admin, now=timezone.now())
        for _ in range(20):
            actions.run(replay_id=replay.pk, actor=SYSTEM, clock=timezone.now, time_left=timedelta(microseconds=1))
        replay.refresh_from_db()
        assert replay.state == ReplayState.DONE
        assert found(replay) == [("request", ["denied"]), ("grant", ["denied"])]

    def test_is_over_once(self, org: Organisation, admin: Actor) -> None:
        replay = replayed(draft(org, admin, deny=True), admin)
        tasks.run_replay(str(replay.pk))
        assert [event["action"] for event in events_of(replay.pk)] == ["replay.running", "replay.done"]

    def test_stops_where_the_draft_says_something_else_meanwhile(self, org: Organisation, admin: Actor) -> None:
        version = draft(org, admin, deny=True)
        replay = actions.start(version_id=version.pk, days=30, actor=admin, now=timezone.now())
        wording = Wording("false", {"deny": True}, "No.")
        policy.redraft(version_id=version.pk, wording=wording, actor=admin, why="x", now=timezone.now())
        tasks.run_replay(str(replay.pk))
        replay.refresh_from_db()
        assert (replay.state, replay.state_reason) == (ReplayState.STOPPED, f"{version} was redrafted meanwhile")

    def test_is_taken_up_when_a_worker_has_died(self, org: Organisation, admin: Actor) -> None:
        replay = actions.start(version_id=draft(org, admin, deny=True).pk, days=30, actor=admin, now=timezone.now())
        later = timezone.now() + timedelta(minutes=1)
        assert list(queries.left_alone(timezone.now())) == []
        assert list(queries.left_alone(later)) == [replay]


class TestStart:
    def test_refuses_a_second_one_beside_the_first(self, org: Organisation, admin: Actor) -> None:
        version = draft(org, admin, deny=True)
        actions.start(version_id=version.pk, days=30, actor=admin, now=timezone.now())
        with pytest.raises(Conflict, match="replaying"):
            actions.start(version_id=version.pk, days=30, actor=admin, now=timezone.now())

    @pytest.mark.parametrize("days", [0, -1, 4000])
    def test_refuses_days_that_make_no_sense(self, org: Organisation, admin: Actor, days: int) -> None:
        with pytest.raises(Invalid):
            actions.start(version_id=draft(org, admin, deny=True).pk, days=days, actor=admin, now=timezone.now())

    def test_is_for_administrators(self, org: Organisation, admin: Actor) -> None:
        version = draft(org, admin, deny=True)
        for role, refusal in ((Role.AUDITOR, Denied), (Role.SECURITY, Denied), (None, NotFound)):
            who = actor(person(), *([role] if role else []))
            with pytest.raises(refusal):
                actions.start(version_id=version.pk, days=30, actor=who, now=timezone.now())

    def test_can_be_stopped(self, org: Organisation, admin: Actor) -> None:
        version = draft(org, admin, deny=True)
        replay = actions.start(version_id=version.pk, days=30, actor=admin, now=timezone.now())
        actions.stop(replay_id=replay.pk, actor=admin, reason="Wrong one", now=timezone.now())
        replay.refresh_from_db()
        assert (replay.state, replay.state_reason) == (ReplayState.STOPPED, "Wrong one")


class TestPermissions:
    def test_show_findings_to_those_who_see_everything_alone(self, org: Organisation, admin: Actor) -> None:
        org.submit()
        replayed(draft(org, admin, deny=True), admin)
        assert permissions.findings(actor(person(), Role.AUDITOR)).count() == 1
        assert permissions.findings(actor(org.owner)).count() == 0


def stood() -> tuple[list[Any], int]:
    """Everything that a replay reads, as it stands."""
    with connection.cursor() as cursor:
        said = []
        for table in ("governance_policydecision", "governance_grant", "governance_accessrequest"):
            cursor.execute(f"SELECT md5(string_agg(t::text, '|' ORDER BY id)), count(*) FROM {table} AS t")
            said.append(cursor.fetchone())
    return said, sum(int(row[1]) for row in said)


def forgotten(fact: str) -> None:
    """A fact of the identity that no decision has kept."""
    with unguarded():
        for decision in PolicyDecision.objects.all():
            del decision.facts["identity"][fact]
            PolicyDecision.objects.filter(pk=decision.pk).update(facts=decision.facts)


class unguarded:  # noqa: N801 - reads as what it is used as
    """Decisions are append-only; a test that needs one of before a fact was declared takes the guard away."""

    def __enter__(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET session_replication_role = replica")

    def __exit__(self, *_: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET session_replication_role = DEFAULT")
