"""Rule 18 after every step: what was recorded stays, as it was, and nothing becomes fewer."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from django.apps import apps

from governance.access.models import Verification
from governance.approvals.models import Comment, Decision, StepApprover
from governance.core.history import history_model
from governance.policy.models import PolicyDecision
from governance.provisioning.models import ProvisioningTask, TaskAttempt
from tests.rules.machine.prepared import Prepared

NEVER_CHANGED: tuple[Any, ...] = (Decision, PolicyDecision, Verification, Comment)
NEVER_FEWER: tuple[Any, ...] = (StepApprover, ProvisioningTask, TaskAttempt)
LOG = ("audit_event", "audit_body")


@dataclass(frozen=True, slots=True)
class Marks:
    """How many rows each table holds, and the last transaction that has written any of them."""

    counts: dict[str, int]
    last: int

    @classmethod
    def take(cls, before: "Marks | None" = None) -> "tuple[Marks, list[str]]":
        """The marks now, and the tables that have lost or changed something that they held `before`.

        A changed row is one of the transaction that has changed it: those of older ones become fewer, as by deletion.
        """
        rows = _statement().rows(before.last if before else 0)
        now = cls({name: count for name, count, *_ in rows}, max(last for *_, last in rows))
        if before is None:
            return now, []
        return now, [name for name, _, kept, _ in rows if kept < before.counts[name]]


@cache
def _statement() -> Prepared:
    """Name, rows, rows that are kept as they were, last transaction; a transaction's savepoints count as such."""
    governed = [kept for model in apps.get_app_config("governance").get_models() if (kept := history_model(model))]
    kept = ((name, f"count(*) FILTER (WHERE {XID} <= $1)") for name in (*LOG, *_tables(*NEVER_CHANGED, *governed)))
    alive = ((name, "count(*)") for name in _tables(*NEVER_FEWER))
    each = (
        f"SELECT '{name}', count(*), {still}, coalesce(max({XID}), 0) FROM {name}" for name, still in (*kept, *alive)
    )
    return Prepared("marks", " UNION ALL ".join(each), "bigint")


XID = "xmin::text::bigint"


def _tables(*models: Any) -> list[str]:
    return [model._meta.db_table for model in models]
