"""What a file of people does to the people, and when it does nothing."""

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from governance.audit.models import AuditEvent
from governance.core.actor import Actor, Role
from governance.core.errors import Conflict, Denied, Invalid, NotFound
from governance.core.stepup import StepUpRequired
from governance.grants.states import GrantState
from governance.identities.models import Human, Identity, Ownership
from governance.identities.queries import owners_of
from governance.identities.states import Kind, Status
from governance.lifecycle import feeds, joining, moves, planning, queries, reading, sources, tasks
from governance.lifecycle.models import FeedFile, Source
from governance.lifecycle.states import RunState
from governance.purposes.models import Dedication
from tests.builders import Organisation, actor, person, purpose
from tests.conftest import OUTSIDE
from tests.core.log import events_of
from tests.harness.races import at_once, split
from tests.leases import fresh, granted, started
from tests.lifecycle.feeding import (
    HERE,
    PLAIN,
    a_file,
    a_source,
    administrator,
    applied,
    counts,
    handed_in,
    imported,
    row,
)

pytestmark = pytest.mark.django_db

HR = Path(__file__).resolve().parents[2] / "../shared/data/hr"
DOCUMENTED = Path(__file__).resolve().parents[2] / "docs/examples/hr-source.toml"
DAY = timedelta(days=1)


@pytest.fixture
def admin(db: None) -> Actor:
    return administrator()


@pytest.fixture
def staff(admin: Actor) -> Source:
    return a_source(admin)


def people(source: Source) -> dict[str, Identity]:
    return {one.external_key: one for one in Identity.objects.filter(source=source.key).select_related("manager")}


def versions() -> int:
    return int(Identity.history.count() + Human.history.count() + Ownership.history.count())


@pytest.mark.skipif(not HR.is_dir(), reason=f"the published samples of HR files are {OUTSIDE}")
class TestThePublishedSamples:
    @pytest.mark.parametrize("name", ["initial_data.csv", "export-initial.csv"])
    def test_import_whole_with_the_documented_mapping(self, admin: Actor, name: str) -> None:
        source = a_source(admin, DOCUMENTED, key="employees")
        run = imported(source, (HR / name).read_bytes(), admin)
        assert (run.state, run.rejected) == (RunState.APPLIED, [])
        assert counts(run)["created"] == 50
        found = people(source)
        states = [one.state for one in found.values()]
        assert {state: states.count(state) for state in set(states)} == {"active": 43, "on_leave": 5, "ended": 2}
        geena = found["1001"]
        assert (geena.name, geena.title, geena.department) == ("Geena Green", "CEO", "Hot Lava City")
        assert found["1008"].title == "Accountant"

    def test_one_after_the_other_change_nothing(self, admin: Actor) -> None:
        source = a_source(admin, DOCUMENTED, key="employees")
        imported(source, (HR / "initial_data.csv").read_bytes(), admin)
        before = versions()
        again = imported(source, (HR / "export-initial.csv").read_bytes(), admin)
        assert counts(again) == {
            "created": 0,
            "updated": 0,
            "ended": 0,
            "unchanged": 50,
            "rejected": 0,
            "failed": 0,
        }
        assert versions() == before


class TestOurSample:
    """Byte order mark, semicolons, days in two forms, managers before and after, by key and by address, a copy."""

    @pytest.fixture
    def harbour(self, admin: Actor) -> Source:
        owner = person("Owner")
        purpose(owner, reference="P-EXT")
        return a_source(admin, HERE / "people.toml")

    def test_imports_with_all_its_quirks(self, admin: Actor, harbour: Source) -> None:
        run = imported(harbour, (HERE / "people.csv").read_bytes(), admin)
        assert run.rejected == []
        assert run.preview["counts"]["repeated"] == 1
        found = people(harbour)
        assert {key: one.manager and one.manager.external_key for key, one in found.items()} == {
            "P-001": None,
            "P-002": "P-001",
            "P-003": "P-002",
            "P-004": "P-001",
            "P-005": "P-002",
            "P-006": "P-002",
            "P-007": "P-004",
            "X-101": "P-004",
        }
        assert found["P-003"].name == "Siobhán Ø'Brien"
        assert [found[key].state for key in ("P-003", "P-006", "P-007")] == ["on_leave", "ended", "expected"]
        assert found["P-004"].title == "Treasurer; acting"

    def test_gives_an_external_a_sponsor_a_purpose_and_an_end(self, admin: Actor, harbour: Source) -> None:
        imported(harbour, (HERE / "people.csv").read_bytes(), admin)
        found = people(harbour)
        external = found["X-101"]
        assert (external.kind, external.ends_at) == (Kind.EXTERNAL, datetime(2190, 7, 1, tzinfo=UTC))
        assert owners_of("identity", external.pk, timezone.now()) == [found["P-001"]]
        assert Dedication.objects.get(identity=external).purpose.reference == "P-EXT"

    def test_changes_nothing_the_second_time(self, admin: Actor, harbour: Source) -> None:
        content = (HERE / "people.csv").read_bytes()
        imported(harbour, content, admin)
        before, events = versions(), AuditEvent.objects.exclude(subject_kind="feed_run").count()
        imported(harbour, content, admin)
        assert versions() == before
        assert AuditEvent.objects.exclude(subject_kind="feed_run").count() == events


class TestPeople:
    def test_are_changed_where_the_file_says_otherwise(self, admin: Actor, staff: Source) -> None:
        imported(staff, a_file(row("A"), row("B", manager="A"), row("C")), admin)
        imported(staff, a_file(row("A"), row("B", "Bea", manager="C", title="Head"), row("C", status="leave")), admin)
        found = people(staff)
        bea = found["B"]
        assert (bea.name, bea.title, bea.manager, found["C"].state) == ("Bea", "Head", found["C"], Status.ON_LEAVE)
        assert Human.objects.get(identities=bea).name == "Bea"
        assert events_of(bea.pk)[-1]["content"]["facts"] == {
            "name": "Bea",
            "title": "Head",
            "manager_id": str(found["C"].pk),
        }
        assert "people.csv, accepted by Admin" in events_of(bea.pk)[-1]["content"]["reason"]

    def test_have_no_sign_in_account(self, admin: Actor, staff: Source) -> None:
        imported(staff, a_file(row("A")), admin)
        assert people(staff)["A"].user is None

    def test_who_are_known_by_address_elsewhere_are_the_same_human(self, admin: Actor, staff: Source) -> None:
        known = person("Ada", email="ada@example.com")
        imported(staff, a_file(row("A", email="ADA@example.com")), admin)
        assert people(staff)["A"].human_id == known.human_id

    def test_keep_what_security_has_suspended(self, admin: Actor, staff: Source) -> None:
        imported(staff, a_file(row("A")), admin)
        Identity.objects.filter(source="staff").update(state=Status.SUSPENDED)
        imported(staff, a_file(row("A")), admin)
        assert people(staff)["A"].state == Status.SUSPENDED

    def test_take_as_many_statements_by_the_hundred_as_by_the_dozen(self, admin: Actor, staff: Source) -> None:
        def taken(letter: str, count: int, title: str) -> int:
            chief = row(f"{letter}0", title=title)
            rows = [row(f"{letter}{n}", manager=f"{letter}0", title=title) for n in range(1, count)]
            run = handed_in(staff, a_file(chief, *rows), admin)
            feeds.accept(run_id=run.pk, actor=admin, reason="All", now=timezone.now())
            with CaptureQueriesContext(connection) as captured:
                feeds.apply(run_id=run.pk, actor=admin, now=timezone.now())
            return len(captured)

        assert taken("A", 400, "Clerk") == taken("B", 12, "Clerk") < 40
        assert taken("A", 400, "Head") == taken("B", 12, "Head") < 40


class TestManagers:
    def test_are_in_no_circle_with_people_of_other_sources(self, admin: Actor, staff: Source) -> None:
        imported(staff, a_file(row("A")), admin)
        person("Outside", email="outside@example.com", manager=people(staff)["A"])
        run = handed_in(staff, a_file(row("A", manager="outside@example.com")), admin)
        assert "leads back here" in run.rejected[0]["reason"]

    def test_are_in_no_circle_with_one_that_a_refused_row_keeps(self, admin: Actor, staff: Source) -> None:
        imported(staff, a_file(row("A", manager="B"), row("B")), admin)
        circle = [row("X", manager="Y"), row("Y", manager="X")]
        run = imported(staff, a_file(row("A", manager="X"), row("B", manager="A"), *circle), admin)
        assert [bad["row"] for bad in run.rejected] == [2, 3, 4, 5]
        assert people(staff)["B"].manager is None


class TestLeavers:
    @pytest.fixture
    def org(self) -> Organisation:
        org = Organisation()
        Identity.objects.filter(pk=org.requester.pk).update(source="staff", external_key="R")
        return org

    def test_lose_what_they_hold_and_pass_on_what_they_own(
        self, admin: Actor, staff: Source, org: Organisation
    ) -> None:
        grant = started(org)
        Identity.objects.filter(pk=org.owner.pk).update(source="staff", external_key="O")
        rest = [row(f"K{n}") for n in range(20)]
        imported(staff, a_file(row("R", "Requester"), row("O", "Owner"), *rest), admin)
        run = handed_in(staff, a_file(row("R", status="left"), row("O", status="left"), *rest), admin)
        assert run.state == RunState.PROPOSED
        assert run.preview["ends"] == {"grants": 1, "owned": 3, "answered": 1}
        done = applied(run, admin)
        assert counts(done)["ended"] == 2
        assert fresh(grant).state == GrantState.REVOKING
        assert owners_of("system", org.system.pk, timezone.now()) == [org.boss] or owners_of(
            "system", org.system.pk, timezone.now()
        )
        assert "has left. Staff: people.csv, accepted by Admin" in fresh(grant).state_reason

    def test_with_a_last_day_to_come_keep_their_duties_and_shorter_leases(
        self, admin: Actor, staff: Source, org: Organisation
    ) -> None:
        grant, waiting = started(org, term=timedelta(days=20)), granted(org, why=purpose(org.owner, org.entitlement))
        last = timezone.now().date() + 3 * DAY
        end = datetime.combine(last + DAY, datetime.min.time(), UTC)
        imported(staff, a_file(row("R", "Requester", ends_on=str(last))), admin, reason="Resigned")
        assert people(staff)["R"].state == Status.ACTIVE
        assert people(staff)["R"].ends_at == fresh(grant).ends_at == end
        assert fresh(waiting).ends_at == end
        assert events_of(grant.pk)[-1]["action"] == "grant.shortened"
        connection.check_constraints()  # the deferred triggers of rule 1 agree

    def test_whom_nobody_can_end_stop_no_other(
        self, admin: Actor, staff: Source, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        imported(staff, a_file(row("A"), row("B"), row("C")), admin)
        real = moves.end

        def end(identity: Identity, *rest: Any, **named: Any) -> None:
            if identity.external_key == "B":
                raise Conflict("B answers for too much.")
            real(identity, *rest, **named)

        monkeypatch.setattr(moves, "end", end)
        gone = [row(key, status="left") for key in "ABC"]
        run = imported(staff, a_file(*gone), admin, reason="The office is closed")
        assert (run.outcome or {})["failed"] == [{"row": 3, "name": "Person B", "reason": "B answers for too much."}]
        assert [one.state for one in people(staff).values()] == ["ended", "active", "ended"]

    def test_are_those_with_a_leaving_status_alone_unless_files_are_complete(self, admin: Actor) -> None:
        for absence, state in (("keep", "active"), ("end", "ended")):
            source = a_source(admin, key=absence, absence=absence, most_ended=50)
            imported(source, a_file(row("A"), row("B"), row("C")), admin)
            imported(source, a_file(row("A"), row("B")), admin)
            assert people(source)["C"].state == state

    def test_leave_whatever_else_their_row_says(self, admin: Actor) -> None:
        source = a_source(
            admin,
            most_ended=100,
            columns={**PLAIN.columns, "kind": "kind"},
            kinds={"staff": "person", "ext": "external"},
        )
        headings, *rows = a_file(row("A"), row("B"), row("C"), row("D")).decode().splitlines()
        imported(source, "\n".join([f"{headings},kind", *(f"{one},staff" for one in rows)]).encode(), admin)
        gone = [
            row("A", manager="unknown", status="left") + ",staff",
            row("B", manager="C", email="admin@example.com", status="left") + ",staff",
            row("C", manager="B", status="left") + ",staff",
            row("D", status="left") + ",ext",
        ]
        run = imported(source, "\n".join([f"{headings},kind", *gone]).encode(), admin, reason="Closed")
        assert (run.rejected, counts(run)["ended"]) == ([], 4)

    @pytest.mark.parametrize("doubtful", [row("", "Perhaps C"), "Perhaps C,,,,,active,", row("B", "Perhaps C")])
    def test_are_not_the_missing_while_a_row_may_be_any_of_them(self, admin: Actor, doubtful: str) -> None:
        source = a_source(admin, absence="end", most_ended=50)
        imported(source, a_file(row("A"), row("B"), row("C")), admin)
        run = imported(source, a_file(row("A"), row("B"), doubtful), admin)
        assert (counts(run)["ended"], run.preview["unsure"]) == (0, True)

    def test_are_not_those_whose_row_is_bad(self, admin: Actor) -> None:
        source = a_source(admin, absence="end", most_ended=50)
        imported(source, a_file(row("A"), row("B"), row("C")), admin)
        run = imported(source, a_file(row("A"), row("B"), row("C", status="??")), admin)
        assert (counts(run)["ended"], run.preview["counts"]["missing"]) == (0, 0)


class TestAShrunkenFeed:
    @pytest.fixture(params=["keep", "end"])
    def source(self, request: pytest.FixtureRequest, admin: Actor) -> Source:
        source = a_source(admin, absence=request.param)
        imported(source, a_file(*[row(f"K{n}") for n in range(50)]), admin)
        return source

    def test_is_held_for_a_person(self, admin: Actor, source: Source) -> None:
        before = versions()
        run = handed_in(source, a_file(*[row(f"K{n}") for n in range(20)]), admin)
        assert run.state == RunState.HELD
        assert "30 are missing: more than 20 %" in run.state_reason
        with pytest.raises(Invalid):
            feeds.accept(run_id=run.pk, actor=admin, reason=" ", now=timezone.now())
        assert feeds.apply(run_id=run.pk, actor=admin, now=timezone.now()).state == RunState.HELD
        assert versions() == before

    def test_goes_on_once_somebody_has_said_why(self, admin: Actor, source: Source) -> None:
        run = handed_in(source, a_file(*[row(f"K{n}") for n in range(20)]), admin)
        done = applied(run, admin, reason="The yard was sold")
        assert counts(done)["ended"] == (30 if source.absence == "end" else 0)
        accepted = next(e for e in events_of(run.pk) if e["action"] == "feed_run.accepted")
        assert accepted["content"]["reason"] == "The yard was sold"
        assert accepted["content"]["actor"]["label"] == "Admin"
        assert accepted["content"]["facts"]["shrunken"] is True

    def test_is_held_again_when_more_would_end_than_the_yes_was_for(self, admin: Actor, source: Source) -> None:
        run = handed_in(source, a_file(*[row(f"K{n}") for n in range(20)]), admin)
        feeds.accept(run_id=run.pk, actor=admin, reason="The yard was sold", now=timezone.now())
        for n in range(50, 60):
            person(source=source.key, external_key=f"K{n}")
        assert feeds.apply(run_id=run.pk, actor=admin, now=timezone.now()).state == RunState.HELD

    def test_is_also_one_that_gives_them_a_last_day_to_come(self, admin: Actor, source: Source) -> None:
        later = [row(f"K{n}", ends_on="2190-01-31") for n in range(50)]
        run = handed_in(source, a_file(*later), admin)
        assert (run.state, run.preview["counts"]["ending"]) == (RunState.HELD, 50)
        assert "50 are given a nearer last day" in run.state_reason
        assert counts(applied(run, admin, reason="All are hired for a term"))["updated"] == 50
        longer = handed_in(source, a_file(*[row(f"K{n}", ends_on="2191-01-31") for n in range(50)]), admin)
        assert (longer.state, longer.preview["counts"]["ending"]) == (RunState.PROPOSED, 0)


class TestAYes:
    """What is applied is what was shown, or somebody is asked again."""

    def test_covers_no_end_that_was_not_shown(self, admin: Actor) -> None:
        source = a_source(admin, absence="end")
        everybody = a_file(*[row(f"K{n}") for n in range(20)])
        imported(source, everybody, admin)
        run = handed_in(source, everybody, admin)
        person("Came meanwhile", source=source.key, external_key="K20")
        held = applied(run, admin)
        assert (held.state, held.preview["counts"]["ended"]) == (RunState.HELD, 1)
        assert "By now 1 would end" in held.state_reason
        assert counts(applied(held, admin, reason="He was never with us"))["ended"] == 1

    def test_that_ends_somebody_needs_a_fresh_second_factor(self, admin: Actor, staff: Source) -> None:
        weak = replace(admin, assurance=1)
        rest = [row(f"K{n}") for n in range(9)]
        imported(staff, a_file(row("A"), row("B"), *rest), weak)
        run = handed_in(staff, a_file(row("A", status="left"), row("B", ends_on="2190-01-31"), *rest), weak)
        with pytest.raises(StepUpRequired):
            feeds.accept(run_id=run.pk, actor=weak, reason="", now=timezone.now())
        assert counts(applied(run, admin))["ended"] == 1

    def test_is_for_rows_that_can_all_be_taken_where_the_file_is_strict(self, admin: Actor, staff: Source) -> None:
        run = handed_in(staff, a_file(row("A", email="ada@example.com"), row("B")), admin, strict=True)
        person("Ada", source=staff.key, external_key="OLD", email="ada@example.com")
        assert applied(run, admin).state == RunState.HELD
        assert set(people(staff)) == {"OLD"}

    def test_is_not_given_to_what_is_older_than_what_has_one(self, admin: Actor, staff: Source) -> None:
        older, newer = (handed_in(staff, a_file(row("A", name)), admin) for name in ("Ada", "Ada Lovelace"))
        feeds.accept(run_id=newer.pk, actor=admin, reason="", now=timezone.now())
        for _ in ("accepted", "applied"):
            with pytest.raises(Conflict, match=f"{newer} was read after {older}"):
                feeds.accept(run_id=older.pk, actor=admin, reason="", now=timezone.now())
            feeds.apply(run_id=newer.pk, actor=admin, now=timezone.now())

    def test_is_carried_out_in_the_order_in_which_files_were_read(self, admin: Actor, staff: Source) -> None:
        older, newer = (handed_in(staff, a_file(row("A", name)), admin) for name in ("Ada", "Ada Lovelace"))
        for run in (older, newer):
            feeds.accept(run_id=run.pk, actor=admin, reason="", now=timezone.now())
        assert feeds.apply(run_id=newer.pk, actor=admin, now=timezone.now()).state == RunState.APPLIED
        older.refresh_from_db()
        assert (older.state, people(staff)["A"].name) == (RunState.APPLIED, "Ada Lovelace")

    def test_lifts_no_suspension_that_came_after_the_plan(self, admin: Actor, staff: Source) -> None:
        imported(staff, a_file(row("A", status="leave")), admin)
        found = planning.plan(
            reading.read(a_file(row("A", "Ada")), staff.reader),
            queries.known_to(staff, reading.Reading()),
            queries.terms_of(staff, timezone.now()),
            now=timezone.now(),
        )
        Identity.objects.filter(source="staff").update(state=Status.SUSPENDED)
        joining.change(found.movers, actor=admin, why="A race", now=timezone.now())
        assert (people(staff)["A"].name, people(staff)["A"].state) == ("Ada", Status.SUSPENDED)


class TestRuns:
    def test_keep_the_file_until_they_are_over(self, admin: Actor, staff: Source) -> None:
        run = handed_in(staff, a_file(row("A")), admin)
        assert FeedFile.objects.filter(run=run).exists()
        applied(run, admin)
        other = handed_in(staff, a_file(row("B")), admin)
        feeds.discard(run_id=other.pk, actor=admin, reason="Too early", now=timezone.now())
        assert not FeedFile.objects.exists()
        assert "B" not in people(staff)

    def test_that_end_somebody_need_a_fresh_second_factor(self, admin: Actor, staff: Source) -> None:
        weak = replace(admin, assurance=1)
        imported(staff, a_file(row("1"), row("2"), row("3")), weak)
        leaving = handed_in(staff, a_file(row("1"), row("2"), row("3", status="left")), weak)
        with pytest.raises(StepUpRequired):
            feeds.accept(run_id=leaving.pk, actor=weak, reason="They left", now=timezone.now())
        feeds.accept(run_id=leaving.pk, actor=admin, reason="They left", now=timezone.now())

    def test_are_applied_by_a_worker(self, admin: Actor, staff: Source) -> None:
        run = handed_in(staff, a_file(row("A")), admin)
        feeds.accept(run_id=run.pk, actor=admin, reason="", now=timezone.now())
        tasks.apply_run(str(run.pk))
        tasks.apply_run(str(run.pk))
        assert people(staff)["A"].state == Status.ACTIVE

    def test_go_on_where_a_worker_has_died(self, admin: Actor, staff: Source, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(feeds, "BATCH", 2)
        run = handed_in(staff, a_file(*[row(f"K{n}") for n in range(6)]), admin)
        feeds.accept(run_id=run.pk, actor=admin, reason="", now=timezone.now())
        real, calls = joining.join, []

        def join(*given: Any, **named: Any) -> None:
            calls.append(given)
            if len(calls) == 2:
                raise KeyboardInterrupt
            real(*given, **named)

        monkeypatch.setattr(joining, "join", join)
        with pytest.raises(KeyboardInterrupt):
            feeds.apply(run_id=run.pk, actor=admin, now=timezone.now())
        assert len(people(staff)) == 2
        done = feeds.apply(run_id=run.pk, actor=admin, now=timezone.now())
        assert (len(people(staff)), counts(done)["created"]) == (6, 4)

    def test_end_leavers_before_all_else(self, admin: Actor, staff: Source) -> None:
        imported(staff, a_file(row("A"), row("B")), admin)
        run = handed_in(staff, a_file(row("A", status="left"), row("B", title="Head"), row("C")), admin)
        applied(run, admin, reason="Ada has left")
        done = AuditEvent.objects.order_by("-sequence").values_list("action", flat=True)[:5]
        assert list(reversed(done))[:4] == ["identity.ended", "human.created", "identity.active", "identity.changed"]

    def test_are_for_administrators_to_decide_and_for_auditors_to_see(self, admin: Actor, staff: Source) -> None:
        run = handed_in(staff, a_file(row("A")), admin)
        for role, refusal in ((Role.AUDITOR, Denied), (Role.SECURITY, NotFound), (None, NotFound)):
            other = actor(person(), *([role] if role else []))
            with pytest.raises(refusal):
                handed_in(staff, a_file(row("B")), other)
            for act in (feeds.accept, feeds.discard):
                with pytest.raises(refusal):
                    act(run_id=run.pk, actor=other, reason="", now=timezone.now())


class TestSources:
    def test_are_changed_with_a_reason_and_an_event(self, admin: Actor, staff: Source) -> None:
        wanted = replace(PLAIN, most_ended=5)
        with pytest.raises(Invalid):
            sources.change_source(source_id=staff.pk, definition=wanted, actor=admin, reason="", now=timezone.now())
        sources.change_source(source_id=staff.pk, definition=wanted, actor=admin, reason="Careful", now=timezone.now())
        assert events_of(staff.pk)[-1]["content"]["facts"] == {"most_ended": 5}
        assert owners_of("source", staff.pk, timezone.now())[0].name == "Admin"

    @pytest.mark.parametrize(
        ("fields", "wrong"),
        [
            ({"columns": {"name": "name"}}, "columns"),
            ({"columns": {"key": "key"}}, "columns"),
            ({"columns": {"key": "key", "name": "name", "shoe": "shoe"}}, "columns"),
            ({"columns": {"key": "key", "name": ""}}, "columns"),
            ({"statuses": {}}, "statuses"),
            ({"statuses": {"out": "suspended"}}, "statuses"),
            ({"statuses": {"out": "ended", "Out ": "active"}}, "statuses"),
            ({"external_term": timedelta(0)}, "external_term"),
            ({"kinds": {"robot": "agent"}}, "kinds"),
            ({"date_form": "%q"}, "date_form"),
            ({"encoding": "utf-7"}, "encoding"),
            ({"absence": "forget"}, "absence"),
            ({"most_ended": 101}, "most_ended"),
            ({"external_purpose": "P-NONE"}, "external_purpose"),
        ],
    )
    def test_say_nothing_that_can_not_be_read(self, admin: Actor, fields: dict[str, Any], wrong: str) -> None:
        with pytest.raises(Invalid) as refusal:
            a_source(admin, **fields)
        assert wrong in refusal.value.fields

    def test_take_over_nobody_who_came_otherwise(self, admin: Actor) -> None:
        person(source="founding")
        with pytest.raises(Conflict, match="no feed has brought"):
            a_source(admin, key="founding")

    def test_say_at_their_birth_all_that_decides_what_their_files_do(self, admin: Actor) -> None:
        source = a_source(admin, external_purpose=purpose(person(), reference="P-EXT").reference, external_term=DAY)
        facts = events_of(source.pk)[0]["content"]["facts"]
        assert set(facts) == {one.name for one in fields(sources.Definition)} - {"name"}
        assert (facts["external_purpose"], facts["external_term"]) == ("P-EXT", 86400)

    def test_are_not_changed_under_a_file_that_is_not_over(self, admin: Actor, staff: Source) -> None:
        run = handed_in(staff, a_file(row("A")), admin)
        wanted = replace(PLAIN, statuses={"active": "ended"})

        def change() -> Source:
            return sources.change_source(
                source_id=staff.pk, definition=wanted, actor=admin, reason="Other words", now=timezone.now()
            )

        with pytest.raises(Conflict, match=f"{run} of Staff is not over yet"):
            change()
        feeds.accept(run_id=run.pk, actor=admin, reason="", now=timezone.now())
        with pytest.raises(Conflict):
            change()
        overtaken = handed_in(staff, a_file(row("A", "Ada")), admin)
        imported(staff, a_file(row("A")), admin)
        overtaken.refresh_from_db()
        assert (overtaken.state, change().statuses) == (RunState.PROPOSED, wanted.statuses)

    def test_have_a_key_of_their_own(self, admin: Actor, staff: Source) -> None:
        with pytest.raises(Conflict):
            a_source(admin)


@pytest.mark.django_db(transaction=True)
class TestTwoFilesAtOnce:
    def test_come_one_after_the_other(self) -> None:
        admin = administrator()
        staff = a_source(admin)
        runs = [handed_in(staff, a_file(*[row(f"K{n}") for n in range(40)]), admin) for _ in range(3)]
        for run in runs:
            feeds.accept(run_id=run.pk, actor=admin, reason="", now=timezone.now())
        done, raised = split(
            at_once(
                *[
                    lambda run=run: feeds.apply(run_id=run.pk, actor=admin, now=timezone.now(), patience=DAY)
                    for run in runs
                ]
            )
        )
        assert raised == []
        assert sorted(counts(run)["created"] for run in done) == [0, 0, 40]

    def test_make_the_second_wait_no_longer_than_it_will(self) -> None:
        admin = administrator()
        staff = a_source(admin)
        run = handed_in(staff, a_file(row("A")), admin)
        feeds.accept(run_id=run.pk, actor=admin, reason="", now=timezone.now())
        with feeds._alone(staff, DAY):
            (outcome,) = at_once(
                lambda: feeds.apply(run_id=run.pk, actor=admin, now=timezone.now(), patience=timedelta())
            )
        assert isinstance(outcome, Conflict)


@pytest.mark.django_db(transaction=True)
class TestWhomTheDatabaseRefuses:
    def test_stops_no_other(self) -> None:
        admin = administrator()
        staff = a_source(admin)
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE governance_identity ADD CONSTRAINT no_k3 CHECK (external_key <> 'K3')")
        try:
            run = imported(staff, a_file(*[row(f"K{n}") for n in range(6)]), admin)
        finally:
            with connection.cursor() as cursor:
                cursor.execute("ALTER TABLE governance_identity DROP CONSTRAINT no_k3")
        assert run.outcome is not None
        assert [one["row"] for one in run.outcome["failed"]] == [5]
        assert "no_k3" in run.outcome["failed"][0]["reason"]
        assert (sorted(people(staff)), counts(run)["created"]) == (["K0", "K1", "K2", "K4", "K5"], 5)
