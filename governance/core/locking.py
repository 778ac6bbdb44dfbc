"""Row locks, taken in one order and remembered until the transaction ends.

A deadlock needs two orders, so there is one list here. `locked()` refuses to go back in it, and the moves
accept only rows that this transaction holds: load, check and save without a lock cannot be written.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import UUID

from django.db import OperationalError, connection, models, transaction

from governance.core.errors import Conflict

M = TypeVar("M", bound=models.Model)

LOCK_ORDER = (
    "policyrule",
    "policyruleversion",
    "policyexample",
    "separationrule",
    "separationruleversion",
    "reevaluation",
    "source",
    "feedrun",
    "calendar",
    "system",
    "purpose",
    "justification",
    "entitlement",
    "bundle",
    "inclusion",
    "filemanagement",
    "team",
    "identity",
    "human",
    "ownership",
    "teammembership",
    "delegation",
    "apitoken",
    "mitigation",
    "separationviolation",
    "account",
    "assignment",
    "grant",
    "requestdraft",
    "breakglass",
    "exposure",
    "accessrequest",
    "requestitem",
    "proposedchange",
    "approvalroute",
    "approvalstep",
    "question",
    "provisioningtask",
    "notification",
    "mail",
    "manualtask",
    "replay",
    "survey",
    "stalefinding",
    "rolesuggestion",
)

HELD_BY_OTHERS = frozenset({"55P03", "40P01"})
"""SQLSTATEs of a lock that was not to be had: lock_not_available, deadlock_detected."""


class LockError(RuntimeError):
    """A lock was forgotten, taken out of order, or taken outside a unit of work: always a defect."""


@dataclass(slots=True)
class _Ledger:
    """What the running unit of work holds: model name and key, and whether for writing."""

    held: dict[tuple[str, UUID], bool] = field(default_factory=dict)
    last: tuple[int, UUID] = (-1, UUID(int=0))

    def take(self, name: str, pk: UUID, *, share: bool) -> None:
        known = self.held.get((name, pk))
        if known or (known is False and share):
            return
        place = (LOCK_ORDER.index(name), pk)
        if place < self.last:
            held = LOCK_ORDER[self.last[0]]
            msg = f"{name} {pk} locked after {held} {self.last[1]}; the order is {', '.join(LOCK_ORDER)}"
            raise LockError(msg)
        self.held[name, pk] = not share
        self.last = place


_ledger: ContextVar[_Ledger | None] = ContextVar("lock_ledger", default=None)


@contextmanager
def unit_of_work() -> Iterator[None]:
    """One act, one transaction: what the edge calls opens it, and nothing inside may open another.

    Use as a decorator on actions. Raises RuntimeError when a transaction is open already, and Conflict when somebody
    else holds what it needs for longer than a statement waits.
    """
    token = _ledger.set(_Ledger())
    try:
        with transaction.atomic(durable=True):
            yield
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", None) not in HELD_BY_OTHERS:
            raise
        raise Conflict("Somebody else is changing this at the moment. Try again.", code="busy") from error
    finally:
        _ledger.reset(token)


def _current() -> _Ledger:
    ledger = _ledger.get()
    if ledger is None:
        msg = "no unit of work is open: call this from an action"
        raise LockError(msg)
    return ledger


def locked_all(rows: "models.QuerySet[M]", *, share: bool = False, skip_locked: bool = False) -> list[M]:
    """Lock the rows, ids ascending, and return them as they are under the lock.

    `share` keeps others from changing the rows while letting them be shared; `skip_locked` leaves out what
    somebody else holds. Raises LockError when the order of `LOCK_ORDER` would be broken.
    """
    ledger = _current()
    name = str(rows.model._meta.model_name)
    ordered = rows.order_by("pk")
    found = _share(ordered) if share else _for_update(ordered, skip_locked=skip_locked)
    for row in found:
        ledger.take(name, row.pk, share=share)
    return found


def locked_ids(rows: "models.QuerySet[Any]") -> list[UUID]:
    """Lock the rows, ids ascending, and answer their ids alone: for sets of thousands that nobody else is waited for.

    What somebody else holds is left out. Raises LockError as `locked_all`.
    """
    ledger = _current()
    name = str(rows.model._meta.model_name)
    found = rows.order_by("pk").select_for_update(of=("self",), skip_locked=True, no_key=True)
    ids = list(found.values_list("pk", flat=True))
    for pk in ids:
        ledger.take(name, pk, share=False)
    return ids


def _for_update(rows: "models.QuerySet[M]", *, skip_locked: bool) -> list[M]:
    """NO KEY, so that rows which merely refer to these can be inserted meanwhile."""
    return list(rows.select_for_update(of=("self",), skip_locked=skip_locked, no_key=True))


def _share(rows: "models.QuerySet[M]") -> list[M]:
    """Django has no FOR SHARE: what it says to lock rows for an update is sent as that."""
    with connection.execute_wrapper(_said_as_share):
        return _for_update(rows, skip_locked=False)


def _said_as_share(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:  # noqa: FBT001 - Django's hook
    return execute(sql.replace(" FOR NO KEY UPDATE OF ", " FOR SHARE OF "), params, many, context)


def locked(rows: "models.QuerySet[M]", pk: UUID, *, share: bool = False) -> M:
    """Lock one row and return it. Raises the model's DoesNotExist, and LockError as `locked_all`."""
    found = locked_all(rows.filter(pk=pk), share=share)
    if not found:
        raise rows.model.DoesNotExist  # type: ignore[attr-defined]  # every concrete model has one
    return found[0]


def claim_new(row: models.Model) -> None:
    """Count a row that this transaction has just inserted as held: nobody else can see it."""
    _current().held[str(row._meta.model_name), row.pk] = True


def claim_moved(model: type[models.Model], ids: Sequence[UUID]) -> None:
    """Count rows as held that one statement has locked, without waiting for any, and changed.

    Who never waits can't close a circle of waiting, so lower ranks may be held; from now on they may not be taken.
    """
    ledger = _current()
    name = str(model._meta.model_name)
    ledger.held.update({(name, pk): True for pk in ids})
    ledger.last = max([ledger.last, *((LOCK_ORDER.index(name), pk) for pk in ids)])


def take_turns(name: str, *, share: bool = False) -> None:
    """Wait until nobody holds the name, and hold it until the transaction ends; with `share`, together with others.

    For what no row stands for. It comes before every row: raises LockError once one is held.
    """
    if _current().held:
        msg = f"{name} is to be held before any row"
        raise LockError(msg)
    function = "pg_advisory_xact_lock_shared" if share else "pg_advisory_xact_lock"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}(hashtextextended(%s, 0))", [name])


def try_turn(name: str) -> bool:
    """Hold the name until the transaction ends, unless somebody else does: then answer False at once."""
    require_unit_of_work()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))", [name])
        return bool(cursor.fetchone()[0])


def require_unit_of_work() -> None:
    """Raise LockError unless a unit of work is open."""
    _current()


def require_held(row: models.Model) -> None:
    """Raise LockError unless this unit of work holds the row for writing."""
    name = str(row._meta.model_name)
    if not _current().held.get((name, row.pk)):
        msg = f"{name} {row.pk} is not locked for writing here; take it with locked()"
        raise LockError(msg)
