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
from governance.core.actor import Actor
from governance.core.errors import Conflict, Invalid
from governance.grants.states import GrantState
from governance.identities.models import Human, Identity
from governance.identities.queries import owners_of
from governance.identities.states import Kind, Status
from governance.lifecycle import feeds, moves, sources
from governance.lifecycle.models import Source
from governance.lifecycle.states import RunState
from governance.purposes.models import Dedication
from tests.builders import Organisation, person, purpose
from tests.conftest import OUTSIDE
from tests.core.log import events_of
from tests.leases import fresh, granted, started
from tests.lifecycle.feeding import (
    HERE,
    PLAIN,
    a_file,
    a_source,
    applied,
    counts,
    handed_in,
    imported,
    people,
    row,
    versions,
)

pytestmark = pytest.mark.django_db

HR = Path(__file__).resolve().parents[2] / "../shared/data/hr"
DOCUMENTED = Path(__file__).resolve().parents[2] / "docs/examples/hr-source.toml"
DAY = timedelta(days=1)


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
