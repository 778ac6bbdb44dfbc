"""The widest of the three doors: one statement that moves, amends or creates a set of rows, with history and events.

`UPDATE … RETURNING` feeds the INSERTs, so that a sweep over thousands of rows costs about twice the bare UPDATE and
not twenty times. The statement is generated from the model's fields and its table of moves; what it leaves must be
what `moves.move()` leaves, and a test compares the two field by field. It may run twice, late, or beside a twin:
rows that somebody else holds are skipped and are the next run's.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import rfc8785
from django.core.exceptions import EmptyResultSet
from django.db import connection, models
from django.db.models import F
from django.db.models.expressions import BaseExpression, Combinable

from governance.core import labels
from governance.core.actor import Actor
from governance.core.errors import IllegalMove
from governance.core.history import history_model
from governance.core.locking import claim_moved, require_unit_of_work
from governance.core.models import Recorded
from governance.core.moves import plain

BATCH = 1000
"""Rows per statement, unless the caller says otherwise: enough to be cheap, few enough to keep locks short."""


def move_set(  # noqa: PLR0913 - what every move is told, and what a set has to be told besides
    rows: "models.QuerySet[Any]",
    olds: str | Collection[str],
    to: str,
    *,
    actor: Actor,
    why: str,
    now: datetime,
    limit: int = BATCH,
    returning: Sequence[str] = (),
    facts: Mapping[str, Any] | None = None,
    **changes: Any,
) -> list[tuple[Any, ...]]:
    """Take up to `limit` of the rows that are in one of the `olds` states to another state, in their order.

    Values of `changes` and `facts` are plain values, or expressions over the row as it was (`Least("ends_at", now)`).
    Returns a tuple for each moved row: its id, then the columns of `returning` as they are now. The rows count as
    held from then on. Raises IllegalMove when the table has no such move, LockError outside a unit of work,
    UnsayableLabel when the model declares no LABEL, or the move would change it.
    """
    old_states = _checked(rows.model, {olds} if isinstance(olds, str) else olds, to)
    plan = _Plan(rows.model, to, {"state": to, **changes}, dict(facts or {}))
    return _changed(plan, rows.filter(state__in=old_states), limit, returning, (actor, why, now))


def amend_set(
    rows: "models.QuerySet[Any]",
    verb: str,
    *,
    actor: Actor,
    why: str,
    now: datetime,
    limit: int = BATCH,
    returning: Sequence[str] = (),
    **changes: Any,
) -> list[tuple[Any, ...]]:
    """Change up to `limit` of the rows within their states, each recorded as the event `<noun>.<verb>`.

    Everything else is as with `move_set`: what remains is what `moves.amend()` would leave for every row in turn.
    """
    plan = _Plan(rows.model, verb, changes, {})
    return _changed(plan, rows, limit, returning, (actor, why, now))


def _changed(
    plan: "_Plan",
    rows: "models.QuerySet[Any]",
    limit: int,
    returning: Sequence[str],
    by: tuple[Actor, str, datetime],
) -> list[tuple[Any, ...]]:
    require_unit_of_work()
    model = rows.model
    if renamed := labels.named(model) & plan.changes.keys():
        msg = f"{model.__name__}: {', '.join(renamed)} is part of the label, which an event states as it becomes"
        raise labels.UnsayableLabel(msg)
    try:
        statement = plan.statement(rows, limit, returning, by)
    except EmptyResultSet:  # nothing can match, such as one of no ids
        return []
    with connection.cursor() as cursor:
        cursor.execute(statement.sql, statement.params)
        moved: list[tuple[Any, ...]] = cursor.fetchall()
    claim_moved(model, [row[0] for row in moved])
    return moved


def create_set(
    model: type[Recorded],
    rows: "models.QuerySet[Any]",
    *,
    facts: Mapping[str, Any],
    actor: Actor,
    why: str,
    now: datetime,
    **values: Any,
) -> int:
    """Insert a row of `model` for each of `rows`, which the caller holds. Answers how many.

    `values` and `facts` are plain values, or expressions over the rows; a field that is not named takes its default.
    One event records the batch (rule 13) with its count, its first and last id, and the SHA-256 over the rows in the
    order of their ids: for each a canonical line of `facts`, which are what the model's `facts()` say, and its `id`.
    Raises LockError outside a unit of work, TypeError for a model that keeps its history.
    """
    require_unit_of_work()
    if history_model(model):
        msg = f"{model.__name__} keeps its history: its rows are created by moves.create_many()"
        raise TypeError(msg)
    try:
        statement = _Creation(model, values, dict(facts)).statement(rows, (actor, why, now))
    except EmptyResultSet:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(statement.sql, statement.params)
        created: int = cursor.fetchone()[0]
    return created


def _checked(model: type[Recorded], olds: Collection[str], to: str) -> list[str]:
    for old in olds:
        if to not in model.MOVES.get(old, frozenset()):
            msg = f"{model.NOUN}: {old} cannot become {to}."
            raise IllegalMove(msg)
    return [str(old) for old in olds]


@dataclass(frozen=True, slots=True)
class _Sql:
    """Text with its parameters, in the order of the placeholders."""

    sql: str
    params: tuple[Any, ...] = ()


def _join(separator: str, parts: Collection[_Sql]) -> _Sql:
    return _Sql(separator.join(part.sql for part in parts), tuple(p for part in parts for p in part.params))


def _quote(name: str | None) -> str:
    return connection.ops.quote_name(str(name))


def _field(model: type[models.Model], name: str) -> Any:
    return model._meta.get_field(name)


class _Plan:
    """The statement of one move or amendment, put together from the model. Names beginning with `due_` are ours."""

    def __init__(self, model: type[Recorded], verb: str, changes: dict[str, Any], facts: dict[str, Any]) -> None:
        self.model = model
        self.verb = verb
        self.changes = changes
        self.facts = facts
        self.table = _quote(model._meta.db_table)
        self.columns = [_quote(field.column) for field in model._meta.concrete_fields]
        self.computed: dict[str, Combinable] = {"due_label": labels.expression(model)}
        self.computed |= {"due_from": F("state")} if "state" in changes else {}
        self.computed |= {f"due_set_{name}": value for name, value in changes.items() if _is_sql(value)}
        self.computed |= {f"due_fact_{name}": value for name, value in facts.items() if _is_sql(value)}

    def statement(
        self, rows: "models.QuerySet[Any]", limit: int, returning: Sequence[str], by: tuple[Actor, str, datetime]
    ) -> _Sql:
        """The whole: due → moved → history, and moved → lines → recorded; then what the caller wants to know."""
        due, known = self._due(rows, limit)
        wanted = ["id", *(_field(self.model, name).column for name in returning)]
        answer = ", ".join(f"moved.{_quote(column)}" for column in wanted)
        parts = [due, self._moved(), *self._history(*by), self._lines(known, *by), _RECORDED]
        return _join(
            " ",
            [
                _Sql("WITH"),
                _join(", ", parts),
                _Sql(f"SELECT {answer} FROM moved CROSS JOIN recorded ORDER BY moved.id"),
            ],
        )

    def _due(self, rows: "models.QuerySet[Any]", limit: int) -> tuple[_Sql, dict[str, Any]]:
        """The rows to move, locked, with what is computed from them; and the computed expressions, resolved."""
        chosen = rows.annotate(**self.computed).values_list("pk", *self.computed)[:limit]
        sql, params = chosen.query.sql_with_params()
        names = ", ".join(["id", *(_quote(name) for name in self.computed)])
        lock = f"FOR NO KEY UPDATE OF {self.table} SKIP LOCKED"
        return _Sql(f"due ({names}) AS MATERIALIZED ({sql} {lock})", params), dict(chosen.query.annotations)

    def _moved(self) -> _Sql:
        assignments = _join(", ", [self._assignment(name, value) for name, value in self.changes.items()])
        kept = [f"{self.table}.{column}" for column in self.columns] + [f"due.{_quote(name)}" for name in self.computed]
        return _join(
            " ",
            [
                _Sql(f"moved AS (UPDATE {self.table} SET"),
                assignments,
                _Sql(f"FROM due WHERE {self.table}.id = due.id RETURNING {', '.join(kept)})"),
            ],
        )

    def _assignment(self, name: str, value: Any) -> _Sql:
        field = _field(self.model, name)
        if _is_sql(value):
            return _Sql(f"{_quote(field.column)} = due.{_quote(f'due_set_{name}')}")
        raw = value.pk if isinstance(value, models.Model) else value
        return _Sql(f"{_quote(field.column)} = %s", (field.get_db_prep_save(raw, connection),))

    def _history(self, actor: Actor, why: str, now: datetime) -> list[_Sql]:
        kept = history_model(self.model)
        if kept is None:
            return []
        columns = ", ".join(_quote(field.column) for field in kept.tracked_fields)
        own = "history_id, history_type, history_date, history_user_id, history_actor, history_change_reason"
        into = f"INSERT INTO {_quote(kept._meta.db_table)} ({own}, {columns})"
        values = "uuid_v7(), '~', %s::timestamptz, %s::uuid, %s, %s"
        return [
            _Sql(f"history AS ({into} SELECT {values}, {columns} FROM moved)", (now, actor.user_id, actor.label, why))
        ]

    def _lines(self, known: Mapping[str, Any], actor: Actor, why: str, now: datetime) -> _Sql:
        action = f"{self.model.NOUN}.{self.verb}"
        return _join(
            "",
            [
                _Sql("lines AS (SELECT id, audit_line(%s, %s::uuid, %s, %s, %s, ", (action, *_by(actor))),
                _Sql("%s::timestamptz, ", (now,)),
                self._facts(known),
                _Sql(", %s, id, %s, due_label) AS line FROM moved)", (why, self.model.NOUN)),
            ],
        )

    def _facts(self, known: Mapping[str, Any]) -> _Sql:
        """The facts as one canonical JSON object: keys in the order of RFC 8785, values rendered here or there."""
        told = {name: self._told(name, value) for name, value in self.changes.items() if name != "state"}
        told |= {"from": _json("due_from", models.TextField())} if "state" in self.changes else {}
        told |= {name: self._fact(name, value, known) for name, value in self.facts.items()}
        return _object(told)

    def _told(self, name: str, value: Any) -> _Sql:
        field = _field(self.model, name)
        return _json(_quote(field.column), field) if _is_sql(value) else _constant(value)

    def _fact(self, name: str, value: Any, known: Mapping[str, Any]) -> _Sql:
        column = f"due_fact_{name}"
        return _json(_quote(column), known[column].output_field) if _is_sql(value) else _constant(value)


class _Creation:
    """The statement that inserts a row for each of others: given → made, and given → batch → lines → recorded."""

    def __init__(self, model: type[Recorded], values: dict[str, Any], facts: dict[str, Any]) -> None:
        self.model = model
        self.fields = [field for field in model._meta.concrete_fields if not field.primary_key]
        self.values = {field.name: values.get(field.name, field.get_default()) for field in self.fields}
        self.facts = facts
        self.computed: dict[str, Combinable] = {
            f"due_{part}_{name}": value
            for part, named in (("set", self.values), ("fact", facts))
            for name, value in named.items()
            if _is_sql(value)
        }

    def statement(self, rows: "models.QuerySet[Any]", by: tuple[Actor, str, datetime]) -> _Sql:
        chosen = rows.annotate(**self.computed).values_list(*self.computed)
        sql, params = chosen.query.sql_with_params()
        names = ", ".join(["id", *(_quote(name) for name in self.computed)])
        inner = ", ".join(["uuid_v7()", *(f"source.{_quote(name)}" for name in self.computed)])
        source = f"({sql}) AS source ({', '.join(_quote(name) for name in self.computed)})"
        given = _Sql(f"given ({names}) AS MATERIALIZED (SELECT {inner} FROM {source})", params)
        parts = [given, self._made(), self._batch(dict(chosen.query.annotations)), self._lines(*by), _RECORDED]
        return _join(" ", [_Sql("WITH"), _join(", ", parts), _Sql("SELECT count FROM batch CROSS JOIN recorded")])

    def _made(self) -> _Sql:
        columns = ", ".join(["id", *(_quote(field.column) for field in self.fields)])
        values = _join(", ", [_Sql("id"), *(self._value(field) for field in self.fields)])
        into = _Sql(f"made AS (INSERT INTO {_quote(self.model._meta.db_table)} ({columns}) SELECT")
        return _join(" ", [into, values, _Sql("FROM given)")])

    def _value(self, field: Any) -> _Sql:
        value = self.values[field.name]
        if _is_sql(value):
            return _Sql(_quote(f"due_set_{field.name}"))
        raw = value.pk if isinstance(value, models.Model) else value
        return _Sql(f"%s::{field.db_type(connection)}", (field.get_db_prep_save(raw, connection),))

    def _batch(self, known: Mapping[str, Any]) -> _Sql:
        told = {name: self._fact(name, value, known) for name, value in self.facts.items()}
        row = _object({"id": _json("id", models.UUIDField()), **told})
        ends = "count(*) AS count, (array_agg(id ORDER BY id))[1] AS first, (array_agg(id ORDER BY id DESC))[1] AS last"
        head, tail = "sha256(convert_to(string_agg(", ", chr(10) ORDER BY id), 'UTF8'))"
        digest = _join("", [_Sql(f"encode({head}"), row, _Sql(f"{tail}, 'hex') AS sha256")])
        return _join(" ", [_Sql(f"batch AS (SELECT {ends},"), digest, _Sql("FROM given)")])

    def _lines(self, actor: Actor, why: str, now: datetime) -> _Sql:
        noun = self.model.NOUN
        action = f"{noun}.{self.values.get('state', 'created')}"
        same = {name: _constant(value) for name, value in self.facts.items() if not _is_sql(value)}
        batch = {name: _json(name, models.TextField()) for name in ("first", "last", "sha256")}
        told = _object({**same, **batch, "count": _Sql("count::text")})
        head = _Sql("lines AS (SELECT first AS id, audit_line(%s, %s::uuid, %s, %s, %s, ", (action, *_by(actor)))
        tail = _Sql(", %s, first, %s, count || ' rows') AS line FROM batch WHERE count > 0)", (why, noun))
        return _join("", [head, _Sql("%s::timestamptz, ", (now,)), told, tail])

    def _fact(self, name: str, value: Any, known: Mapping[str, Any]) -> _Sql:
        column = f"due_fact_{name}"
        return _json(_quote(column), known[column].output_field) if _is_sql(value) else _constant(value)


def _object(told: Mapping[str, _Sql]) -> _Sql:
    """A JSON object of rendered values, its keys in the order of RFC 8785."""
    pairs = [
        _join(" || ", [_Sql("%s", (f"{_canonical(key)}:",)), told[key]])
        for key in sorted(told, key=lambda key: key.encode("utf-16-be"))
    ]
    return _Sql(f"'{{' || {_join(''' || ',' || ''', pairs).sql} || '}}'", _join("", pairs).params)


_RECORDED = _Sql(
    "recorded AS MATERIALIZED (SELECT audit_append(coalesce(array_agg(line ORDER BY id), '{}')) AS events FROM lines)"
)


def _is_sql(value: Any) -> bool:
    return isinstance(value, BaseExpression | Combinable)


def _by(actor: Actor) -> tuple[UUID | None, str, str, int]:
    return actor.id, str(actor.kind), actor.label, actor.assurance


def _canonical(value: Any) -> str:
    return rfc8785.dumps(plain(value)).decode()


def _constant(value: Any) -> _Sql:
    return _Sql("%s", (_canonical(value),))


def _json(sql: str, field: Any) -> _Sql:
    """A column as `moves.plain()` would state its value. Raises TypeError for a type that it can't be sure of."""
    match field:
        case models.DateTimeField():
            form = f"to_json(utc_text({sql}))::text"
        case models.BooleanField() | models.IntegerField():
            form = f"{sql}::text"
        case models.DurationField():
            form = f"trunc(extract(epoch FROM {sql}))::bigint::text"
        case models.CharField() | models.TextField() | models.UUIDField() | models.DateField():
            form = f"to_json({sql}::text)::text"
        case models.ForeignKey():
            return _json(sql, field.target_field)
        case _:
            msg = f"no plain form in SQL for {type(field).__name__}"
            raise TypeError(msg)
    return _Sql(f"coalesce({form}, 'null')")
