"""A run of a feed: what is held, what a yes covers, and how it is carried out."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from governance.audit.models import AuditEvent
from governance.core.actor import Actor, Role
from governance.core.errors import Conflict, Denied, Invalid, NotFound
from governance.core.stepup import StepUpRequired
from governance.identities.models import Identity
from governance.identities.states import Status
from governance.lifecycle import feeds, joining, planning, queries, reading, tasks
from governance.lifecycle.models import FeedFile, Source
from governance.lifecycle.states import RunState
from tests.builders import actor, person
from tests.core.log import events_of
from tests.harness.races import at_once, split
from tests.lifecycle.feeding import (
    a_file,
    a_source,
    administrator,
    applied,
    counts,
    handed_in,
    imported,
    people,
    row,
    versions,
)

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


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
        rest = [row(f"K{n}") for n in range(9)]
        imported(staff, a_file(*rest), admin)
        run = handed_in(staff, a_file(row("A", email="ada@example.com"), row("B"), *rest), admin, strict=True)
        person("Ada", source=staff.key, external_key="OLD", email="ada@example.com")
        held = applied(run, admin)
        assert (held.state, held.state_reason[:11]) == (RunState.HELD, "Bad rows: 1")
        assert "B" not in people(staff)

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
