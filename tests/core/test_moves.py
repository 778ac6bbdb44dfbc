from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.db.models import CharField, F, FloatField
from django.db.models.functions import Cast, Least, Upper
from django.test.utils import CaptureQueriesContext

from governance.core import moves
from governance.core.errors import IllegalMove
from governance.core.history import Unstamped
from governance.core.labels import UnsayableLabel
from governance.core.locking import LockError, locked, require_held, unit_of_work
from governance.core.setmoves import amend_set, create_set, move_set
from tests.core.log import columns_of, events_of, versions_of
from tests.core.things import ADA, NOW, Shelf, Thing, a_shelf, a_thing, held

LATER = NOW + timedelta(hours=1, microseconds=1)
EARLIER = NOW - timedelta(days=40)
NAMES = ["Vase", 'a "quoted" \\ one', "line\nbreak\ttab \x01\x1f\x7f", "émoji 🏺 \u2028", ""]
WHY = 'Kept for the \N{EURO SIGN} exhibition; "on loan"'

by: dict[str, Any] = {"actor": ADA, "why": WHY, "now": LATER}


def some_things(shelf: Shelf, count: int = len(NAMES)) -> list[Thing]:
    return [
        a_thing(
            shelf,
            number=n,
            name=NAMES[n % len(NAMES)],
            state="new",
            ends_at=LATER + timedelta(hours=n - 2),
            tag=UUID(int=n),
        )
        for n in range(count)
    ]


@contextmanager
def statements() -> Iterator[list[str]]:
    """Collects what is sent to the database inside the block, savepoints apart."""
    sent: list[str] = []
    with CaptureQueriesContext(connection) as captured:
        yield sent
    sent += [q["sql"] for q in captured if "SAVEPOINT" not in q["sql"]]


@pytest.mark.django_db
@pytest.mark.usefixtures("things")
class TestMove:
    def test_leaves_row_history_and_event(self, shelf: Shelf) -> None:
        thing = a_thing(shelf)
        with unit_of_work():
            moves.move(held()[0], "kept", note="on loan", facts={"by": "hand"}, **by)
        assert columns_of(thing)["state"] == "kept"
        first, second = versions_of(thing)
        assert (first["history_type"], second["history_type"]) == ("+", "~")
        assert (second["state"], second["note"], second["history_date"]) == ("kept", "on loan", LATER)
        assert (second["history_user_id"], second["history_actor"]) == (ADA.user_id, ADA.label)
        assert second["history_change_reason"] == WHY
        created, moved = events_of(thing.pk)
        assert (created["action"], moved["action"]) == ("thing.new", "thing.kept")
        assert moved["content"]["facts"] == {"by": "hand", "from": "new", "note": "on loan"}
        assert moved["content"]["subject"]["label"] == "Top · Top/1 Vase"
        assert moved["content"]["assurance"] == 2

    def test_refuses_what_the_table_lacks(self, shelf: Shelf) -> None:
        thing = a_thing(shelf)
        with pytest.raises(IllegalMove, match="is new and cannot become gone"), unit_of_work():
            moves.move(held()[0], "gone", **by)
        assert columns_of(thing)["state"] == "new"

    def test_refuses_a_row_that_is_not_locked(self, shelf: Shelf) -> None:
        thing = a_thing(shelf)
        with pytest.raises(LockError), unit_of_work():
            moves.move(thing, "kept", **by)

    def test_refuses_a_row_that_another_unit_of_work_had_locked(self, shelf: Shelf) -> None:
        a_thing(shelf)
        with unit_of_work():
            thing = held()[0]
        with pytest.raises(LockError), unit_of_work():
            moves.move(thing, "kept", **by)


@pytest.mark.django_db
@pytest.mark.usefixtures("things")
class TestTheDoor:
    """Nothing else writes a governed row."""

    def test_save_is_refused_before_anything_is_written(self, shelf: Shelf) -> None:
        thing = a_thing(shelf)
        thing.state = "gone"
        with pytest.raises(Unstamped):
            thing.save()
        assert columns_of(thing)["state"] == "new"

    def test_a_stamp_is_good_for_one_save(self, shelf: Shelf) -> None:
        a_thing(shelf)
        with unit_of_work():
            thing = held()[0]
            moves.move(thing, "kept", **by)
            with pytest.raises(Unstamped):
                thing.save()

    def test_delete_is_refused(self, shelf: Shelf) -> None:
        thing = a_thing(shelf)
        with pytest.raises(Unstamped, match="rule 18"):
            thing.delete()


def one_by_one(things: list[Thing], each: Callable[[Thing], dict[str, Any]], **shared: Any) -> None:
    with unit_of_work():
        for thing in held(pk__in=[thing.pk for thing in things]):
            moves.move(thing, "kept", **shared, **each(thing), **by)


def many(things: list[Thing], each: Callable[[Thing], dict[str, Any]], **shared: Any) -> None:
    with unit_of_work():
        moves.move_many(held(pk__in=[thing.pk for thing in things]), "kept", each=each, **shared, **by)


def as_a_set(things: list[Thing], each: Callable[[Thing], dict[str, Any]], **shared: Any) -> None:
    rows = Thing._base_manager.filter(pk__in=[thing.pk for thing in things]).order_by("pk")
    with unit_of_work():
        move_set(rows, "new", "kept", **shared, ends_at=Least(F("ends_at"), LATER), note=Upper("name"), **by)


def per_row(thing: Thing) -> dict[str, Any]:
    assert thing.ends_at is not None
    return {"ends_at": min(thing.ends_at, LATER), "note": thing.name}


@pytest.mark.django_db
@pytest.mark.usefixtures("things")
class TestTheThreeSizes:
    """move, move_many and move_set leave the same, field by field; ids and salts apart."""

    @pytest.mark.parametrize("size", [many, as_a_set])
    @pytest.mark.parametrize(
        "shared",
        [
            {},
            {"fragile": True, "facts": {"b": [1, {"z": None, "a": "é"}], "\uff61": 1, "\U0001f600": 2, "a": True}},
            {
                "term": timedelta(hours=3, seconds=1),
                "day": date(2026, 1, 2),
                "tag": None,
                "facts": {"Z": -1, "a": "%s"},
            },
        ],
    )
    def test_leave_the_same(self, shelf: Shelf, size: Callable[..., None], shared: dict[str, Any]) -> None:
        def each(thing: Thing) -> dict[str, Any]:
            return {"ends_at": min(thing.ends_at or LATER, LATER), "note": _upper(thing.name)}

        reference, others = some_things(shelf), some_things(shelf)
        one_by_one(reference, each, **shared)
        size(others, each, **shared)
        for expected, found in zip(reference, others, strict=True):
            assert _apart(columns_of(found)) == _apart(columns_of(expected))
            assert [_apart(row) for row in versions_of(found)] == [_apart(row) for row in versions_of(expected)]
            assert _events(found) == _events(expected)

    def test_events_stand_in_the_order_of_ids(self, shelf: Shelf) -> None:
        for size in (one_by_one, many, as_a_set):
            things = some_things(shelf)
            size(things, per_row)
            sequences = [_last_sequence(thing.pk) for thing in sorted(things, key=lambda thing: thing.pk)]
            assert sequences == sorted(sequences)


def _upper(name: str) -> str:
    """As PostgreSQL does in the tests' locale: letters of ASCII at least; the rest is asked of the database."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT upper(%s)", [name])
        found: str = cursor.fetchone()[0]
        return found


def _apart(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "id"}


def _events(thing: Thing) -> list[dict[str, Any]]:
    found = events_of(thing.pk)
    for event in found:
        assert event.pop("subject_id") == thing.pk
        assert event["content"]["subject"].pop("id") == str(thing.pk)
    return found


def _last_sequence(pk: UUID) -> int:
    from governance.audit.models import AuditEvent  # noqa: PLC0415

    return AuditEvent.objects.filter(subject_id=pk).order_by("-sequence").values_list("sequence", flat=True)[0]


@pytest.mark.django_db
@pytest.mark.usefixtures("things")
class TestMoveMany:
    def test_takes_as_many_statements_for_fifty_rows_as_for_two(self, shelf: Shelf) -> None:
        some_things(shelf, 52)
        with unit_of_work():
            things = held()
            with statements() as for_two:
                moves.move_many(things[:2], "kept", **by)
            with statements() as for_fifty:
                moves.move_many(things[2:], "kept", **by)
        assert len(for_two) == len(for_fifty) == 4  # the shelves that labels name; rows, history, events

    def test_writes_nothing_when_one_row_may_not_move(self, shelf: Shelf) -> None:
        some_things(shelf, 3)
        with unit_of_work():
            moves.move(held(number=2)[0], "kept", **by)
        with pytest.raises(IllegalMove), unit_of_work():
            moves.move_many(held(), "kept", **by)
        assert not Thing._base_manager.exclude(number=2).exclude(state="new").exists()

    def test_refuses_rows_that_are_not_locked(self, shelf: Shelf) -> None:
        things = some_things(shelf, 2)
        with pytest.raises(LockError), unit_of_work():
            moves.move_many(things, "kept", **by)

    def test_of_no_rows_does_nothing(self, things: None) -> None:
        with unit_of_work(), statements() as sent:
            moves.move_many([], "kept", **by)
        assert sent == []


@pytest.mark.django_db
@pytest.mark.usefixtures("things")
class TestMoveSet:
    def test_is_one_statement(self, shelf: Shelf) -> None:
        some_things(shelf, 20)
        with unit_of_work(), statements() as sent:
            move_set(Thing._base_manager.all(), "new", "kept", **by)
        assert len(sent) == 1

    def test_moves_only_what_is_in_the_old_states_and_matches(self, shelf: Shelf) -> None:
        new, other, gone = a_thing(shelf, 1), a_thing(shelf, 2), a_thing(shelf, 1, state="gone")
        with unit_of_work():
            moved = move_set(Thing._base_manager.filter(shelf__name="Top", number=1), "new", "kept", **by)
        assert moved == [(new.pk,)]
        assert [columns_of(row)["state"] for row in (new, other, gone)] == ["kept", "new", "gone"]

    def test_takes_several_old_states_and_says_each_rows_own(self, shelf: Shelf) -> None:
        kept, lost = a_thing(shelf, state="kept"), a_thing(shelf, state="lost")
        with unit_of_work():
            move_set(Thing._base_manager.all(), {"kept", "lost"}, "gone", **by)
        assert [events_of(row.pk)[-1]["content"]["facts"] for row in (kept, lost)] == [
            {"from": "kept"},
            {"from": "lost"},
        ]

    def test_returns_the_columns_asked_for_as_they_are_now(self, shelf: Shelf) -> None:
        thing = a_thing(shelf, ends_at=LATER + timedelta(days=1))
        with unit_of_work():
            moved = move_set(
                Thing._base_manager.all(),
                "new",
                "kept",
                ends_at=Least("ends_at", LATER),
                returning=["shelf", "ends_at"],
                **by,
            )
        assert moved == [(thing.pk, shelf.pk, LATER)]

    def test_takes_no_more_than_the_limit_in_the_order_of_the_queryset(self, shelf: Shelf) -> None:
        things = some_things(shelf)
        with unit_of_work():
            moved = move_set(Thing._base_manager.order_by("-number"), "new", "kept", limit=2, **by)
        assert {pk for (pk,) in moved} == {things[-1].pk, things[-2].pk}

    def test_facts_may_be_expressions_of_any_plain_type(self, shelf: Shelf) -> None:
        thing = a_thing(shelf, ends_at=EARLIER, term=timedelta(minutes=-1.5), day=date(2026, 2, 3), tag=UUID(int=9))
        names = ["ends_at", "term", "day", "tag", "fragile", "number", "name", "shelf", "shelf__name"]
        with unit_of_work():
            expressions = {f"f_{name}": F(name) for name in names}
            move_set(Thing._base_manager.all(), "new", "kept", facts=expressions, **by)
        values = [EARLIER, timedelta(minutes=-1.5), date(2026, 2, 3), UUID(int=9), False, 1, "Vase", shelf.pk, "Top"]
        expected = {f"f_{name}": moves.plain(value) for name, value in zip(names, values, strict=True)}
        assert events_of(thing.pk)[-1]["content"]["facts"] == {**expected, "from": "new"}

    def test_says_null_for_an_expression_without_a_value(self, shelf: Shelf) -> None:
        thing = a_thing(shelf)
        with unit_of_work():
            nothing = {"tag": F("tag"), "term": F("term"), "ends_at": F("ends_at")}
            move_set(Thing._base_manager.all(), "new", "kept", facts=nothing, **by)
        assert events_of(thing.pk)[-1]["content"]["facts"] == {"from": "new", **dict.fromkeys(nothing)}

    def test_refuses_what_the_table_lacks_and_sends_nothing(self, shelf: Shelf) -> None:
        with unit_of_work(), statements() as sent, pytest.raises(IllegalMove, match="new cannot become gone"):
            move_set(Thing._base_manager.all(), {"kept", "new"}, "gone", **by)
        assert sent == []

    def test_is_refused_outside_a_unit_of_work(self, shelf: Shelf) -> None:
        thing = a_thing(shelf)
        with pytest.raises(LockError):
            move_set(Thing._base_manager.all(), "new", "kept", **by)
        assert columns_of(thing)["state"] == "new"

    def test_counts_its_rows_as_held(self, shelf: Shelf) -> None:
        a_thing(shelf)
        with unit_of_work():
            move_set(Thing._base_manager.all(), "new", "kept", **by)
            thing = Thing._base_manager.get()
            moves.move(thing, "gone", **by)
            require_held(thing)

    def test_leaves_lower_ranks_locked_no_more(self, shelf: Shelf) -> None:
        a_thing(shelf)
        with unit_of_work():
            move_set(Thing._base_manager.all(), "new", "kept", **by)
            with pytest.raises(LockError, match="order"):
                locked(Shelf._base_manager.all(), shelf.pk)

    def test_is_refused_without_a_label_that_sql_can_say(self, shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
        for label in ("", "{tag}", "{ends_at}", "{number:05}", "{fragile}", "{name.upper}"):
            monkeypatch.setattr(Thing, "LABEL", label)
            with unit_of_work(), pytest.raises(UnsayableLabel):
                move_set(Thing._base_manager.all(), "new", "kept", **by)

    def test_refuses_to_change_what_the_label_says(self, shelf: Shelf) -> None:
        with unit_of_work(), pytest.raises(UnsayableLabel, match="part of the label"):
            move_set(Thing._base_manager.all(), "new", "kept", number=9, **by)

    def test_refuses_to_guess_how_a_type_is_written(self, shelf: Shelf) -> None:
        facts = {"x": Cast(F("number"), CharField()), "y": Cast(F("number"), FloatField())}
        with unit_of_work(), pytest.raises(TypeError):
            move_set(Thing._base_manager.all(), "new", "kept", facts=facts, **by)

    def test_of_no_rows_leaves_no_event(self, things: None) -> None:
        with unit_of_work():
            assert move_set(Thing._base_manager.all(), "new", "kept", **by) == []


@pytest.mark.django_db
@pytest.mark.usefixtures("things")
class TestAmendSet:
    def test_leaves_what_amend_leaves(self, shelf: Shelf) -> None:
        one, two = a_thing(shelf), a_thing(shelf)
        with unit_of_work():
            moves.amend(held(pk=one.pk)[0], "lent", note="to Ada", ends_at=LATER, **by)
            amend_set(Thing._base_manager.filter(pk=two.pk), "lent", note="to Ada", ends_at=LATER, **by)
        left, right = columns_of(one), columns_of(two)
        assert {**left, "id": None} == {**right, "id": None}
        versions = [{**versions_of(row)[-1], "id": None} for row in (one, two)]
        assert versions[0] == versions[1]
        told = [{**events_of(row.pk)[-1], "subject_id": None} for row in (one, two)]
        for event in told:
            event["content"] = {**event["content"], "subject": None}
        assert told[0] == told[1]

    def test_of_rows_that_can_not_be_there_sends_nothing(self, shelf: Shelf) -> None:
        with unit_of_work(), statements() as sent:
            assert amend_set(Thing._base_manager.filter(pk__in=[]), "lent", note="", **by) == []
        assert sent == []


@pytest.mark.django_db
@pytest.mark.usefixtures("things")
class TestCreateSet:
    def test_is_refused_for_what_keeps_its_history(self, shelf: Shelf) -> None:
        with unit_of_work(), pytest.raises(TypeError, match="history"):
            create_set(Thing, Shelf._base_manager.all(), label=F("name"), facts={}, **by)

    def test_is_refused_outside_a_unit_of_work(self, shelf: Shelf) -> None:
        with pytest.raises(LockError):
            create_set(Thing, Shelf._base_manager.all(), label=F("name"), facts={}, **by)


@pytest.mark.usefixtures("emptied")
class TestMoveSetBesideOthers:
    def test_skips_rows_that_somebody_else_holds(self) -> None:
        from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415

        shelf = a_shelf()
        first, second = a_thing(shelf, 1), a_thing(shelf, 2)

        def sweep() -> list[tuple[Any, ...]]:
            try:
                with unit_of_work():
                    return move_set(Thing._base_manager.all(), "new", "kept", **by)
            finally:
                connection.close()

        with ThreadPoolExecutor(1) as pool, unit_of_work():
            held(pk=first.pk)
            assert pool.submit(sweep).result(timeout=20) == [(second.pk,)]
        with unit_of_work():
            assert move_set(Thing._base_manager.all(), "new", "kept", **by) == [(first.pk,)]

    def test_leaves_nothing_when_its_transaction_fails(self) -> None:
        thing = a_thing(a_shelf())
        with pytest.raises(ZeroDivisionError):
            self.a_failing_act()
        assert columns_of(thing)["state"] == "new"
        assert len(versions_of(thing)) == len(events_of(thing.pk)) == 1

    @staticmethod
    @unit_of_work()
    def a_failing_act() -> None:
        move_set(Thing._base_manager.all(), "new", "kept", **by)
        raise ZeroDivisionError


class TestPlain:
    def test_refuses_what_json_cannot_hold_exactly(self) -> None:
        with pytest.raises(TypeError):
            moves.plain(1.5)

    def test_writes_early_years_with_four_digits(self) -> None:
        """RFC 3339 knows no shorter ones."""
        assert moves.plain(datetime(7, 2, 3, tzinfo=UTC)) == "0007-02-03T00:00:00.000000Z"
