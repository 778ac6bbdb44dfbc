"""Who is known to a source, and what the ends of some of them would take with them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, Exists, Max, OuterRef, Q, QuerySet
from django.db.models.functions import Lower

from governance.grants.models import Grant
from governance.grants.states import OVER
from governance.identities.models import Identity, Ownership
from governance.identities.queries import accountable_owner
from governance.lifecycle.models import FeedRun, Reevaluation, Source
from governance.lifecycle.planning import Known, Terms
from governance.lifecycle.reading import Reading
from governance.lifecycle.states import WAITING, Absence, ReevaluationState, RunState
from governance.purposes.models import Purpose
from governance.purposes.states import PurposeState

KNOWN = (
    "id", "source", "external_key", "name", "email", "kind", "state", "title", "department", "manager_id", "human_id",
    "ends_at",
)  # fmt: skip


def known_to(source: Source, reading: Reading) -> list[Known]:
    """All identities of the source, and those of others that the file names by address; one query."""
    named = {line.email.lower() for line in reading.lines if line.email}
    named |= {text.lower() for line in reading.lines for text in (line.manager, line.sponsor) if text and "@" in text}
    rows = Identity.objects.annotate(address=Lower("email"))
    found = rows.filter(Q(source=source.key) | Q(address__in=named))
    return [Known(*values) for values in found.order_by("pk").values_list(*KNOWN)]


def terms_of(source: Source, now: datetime) -> Terms:
    """What the source settles for everybody. Its owner is the sponsor of externals who have no nearer one."""
    owner, purpose = accountable_owner(source.NOUN, source.pk, now), source.external_purpose
    return Terms(
        source=source.key,
        absent_have_left=source.absence == Absence.END,
        externals_have_a_purpose=purpose is not None and Purpose.objects.active(now).contains(purpose),
        external_term=source.external_term,
        sponsor_id=owner.pk if owner else None,
    )


@dataclass(frozen=True, slots=True)
class Consequences:
    """What somebody's end takes with it: grants that end, things and grants of others that pass on."""

    grants: int = 0
    owned: int = 0
    answered: int = 0


def consequences(identity_ids: Collection[UUID], now: datetime) -> Mapping[UUID, Consequences]:
    """What the end of each would take with it; three queries."""
    leases = Grant.objects.exclude(state__in=OVER).order_by()
    held = _counted(leases.filter(identity__in=identity_ids).values_list("identity"))
    answered = _counted(leases.filter(accountable_owner__in=identity_ids).values_list("accountable_owner"))
    periods = Ownership.objects.unended(now).filter(identity__in=identity_ids).order_by()
    owned = _counted(periods.values_list("identity"))
    return {pk: Consequences(held.get(pk, 0), owned.get(pk, 0), answered.get(pk, 0)) for pk in identity_ids}


def _counted(groups: Any) -> dict[UUID, int]:
    return dict(groups.annotate(count=Count("pk")))


def accepted_ids() -> list[UUID]:
    """Runs that somebody said yes to and that are not applied yet, the oldest first."""
    return list(FeedRun.objects.filter(state=RunState.ACCEPTED).order_by("read_at").values_list("pk", flat=True))


def accepted_up_to(run: FeedRun) -> list[UUID]:
    """The accepted runs of its source that are not applied yet, as they were read, the run itself the last."""
    runs = FeedRun.objects.filter(source=run.source_id, state=RunState.ACCEPTED, number__lte=run.number)
    return list(runs.order_by("number").values_list("pk", flat=True))


def accepted_after(run: FeedRun) -> FeedRun | None:
    """A run of its source that was read later, and that somebody said yes to."""
    return _with_a_yes(run.source_id).filter(number__gt=run.number).order_by("number").last()


def undecided(source: Source) -> FeedRun | None:
    """The oldest run of the source that is being applied, or still may be."""
    latest = _with_a_yes(source.pk).aggregate(number=Max("number"))["number"] or 0
    may_be = Q(state=RunState.ACCEPTED) | Q(state__in=WAITING, number__gt=latest)
    return FeedRun.objects.filter(may_be, source=source).order_by("number").first()


def _with_a_yes(source_id: UUID) -> "QuerySet[FeedRun]":
    return FeedRun.objects.filter(source=source_id, state__in=[RunState.ACCEPTED, RunState.APPLIED])


def reevaluations_due(now: datetime) -> "QuerySet[Reevaluation, UUID]":
    """The re-evaluations that are due and not over."""
    due = Reevaluation.objects.filter(state=ReevaluationState.RUNNING, due_at__lte=now)
    return due.order_by("due_at").values_list("pk", flat=True)


def purposes_to_retire(now: datetime) -> "QuerySet[Purpose, UUID]":
    """Active purposes whose end has come, and retiring ones that nothing rests on or waits to be proven gone of."""
    left = Grant.objects.filter(purpose=OuterRef("pk")).exclude(state__in=OVER)
    ended = Q(state=PurposeState.ACTIVE, ends_at__lte=now)
    found = Purpose.objects.filter(ended | Q(~Exists(left), state=PurposeState.RETIRING))
    return found.order_by("pk").values_list("pk", flat=True)
