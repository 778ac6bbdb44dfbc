"""Criteria asked of all identities at once: of each combination of the facts that they name, not of each identity."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import BooleanField, Case, Exists, F, OuterRef, Q, QuerySet, Subquery, When
from django.db.models.expressions import Combinable

from governance.catalog.models import BundleVersion
from governance.identities.models import MACHINES, Identity, Ownership, TeamMembership
from governance.identities.querysets import acts
from governance.identities.states import Kind, OwnerRole
from governance.policy.cel import ConditionError, EvaluationFailed, compiled, given_some
from governance.policy.kept import names_in

AT_A_TIME: Final = 2_000

COLUMNS: Final[Mapping[str, Combinable]] = {
    "identity.id": F("pk"),
    "identity.name": F("name"),
    "identity.kind": F("kind"),
    "identity.machine": Case(When(kind__in=MACHINES, then=True), default=False, output_field=BooleanField()),
    "identity.status": F("state"),
    "identity.source": F("source"),
    "identity.external_key": F("external_key"),
    "identity.canonical_identifier": F("canonical_identifier"),
    "identity.department": F("department"),
    "identity.title": F("title"),
    "identity.environment": F("environment"),
    "identity.ends_at": F("ends_at"),
}


def unmatched(versions: Sequence[BundleVersion], now: datetime) -> list[BundleVersion]:
    """Those whose criteria are true of no active identity; one query for each set of facts that any of them names.

    Criteria that can't be evaluated match nobody: nothing is given by them either.
    """
    asked: dict[tuple[str, ...], list[BundleVersion]] = defaultdict(list)
    for version in versions:
        asked[_named(version.criteria)].append(version)
    return [one for names, those in asked.items() for one in _none_of(those, names, now)]


def _named(criteria: str) -> tuple[str, ...]:
    """The facts of the identity that criteria name; what stands in a text of theirs may be called like another fact."""
    return tuple(name for name in names_in(criteria) if name.startswith("identity."))


def _none_of(versions: Iterable[BundleVersion], names: Sequence[str], now: datetime) -> list[BundleVersion]:
    left = list(versions)
    for values in _combinations(names, now):
        left = [one for one in left if not holds(one.criteria, values)]
        if not left:
            break
    return left


def holds(criteria: str, values: Mapping[str, Any]) -> bool:
    """Whether criteria are true of the facts; no answer is a no."""
    try:
        return compiled(criteria).holds(given_some(values))
    except (ConditionError, EvaluationFailed):
        return False


def _combinations(names: Sequence[str], now: datetime) -> Iterator[Mapping[str, Any]]:
    """Each combination of the facts that there is among active identities."""
    if not names:
        if Identity.objects.active(now).exists():
            yield {}
        return
    for row in _distinct(names, now).iterator(AT_A_TIME):
        yield {name: tuple(value) if isinstance(value, list) else value for name, value in zip(names, row, strict=True)}


def _distinct(names: Sequence[str], now: datetime) -> "QuerySet[Identity, Any]":
    columns = known(now)
    return Identity.objects.active(now).order_by().values_list(*(columns[name] for name in names)).distinct()


def known(now: datetime) -> Mapping[str, Any]:
    """Every fact of an identity, as the database has it."""
    return {**COLUMNS, **_related(now)}


def _related(now: datetime) -> Mapping[str, Any]:
    """The facts that stand in other tables, as policy reads them (`policy.queries`)."""
    memberships = TeamMembership.objects.at(now).filter(identity=OuterRef("pk")).order_by("team__key")
    owned = Ownership.objects.at(now).filter(
        subject_kind=Identity.NOUN, subject_id=OuterRef("pk"), role=OwnerRole.OWNER
    )
    staffed = TeamMembership.objects.at(now).filter(acts(now, "identity__"))
    active = owned.filter(acts(now, "identity__") | Q(team__in=staffed.values("team")))
    return {
        "identity.teams": ArraySubquery(memberships.values("team__key")),
        "identity.owned": Case(
            When(~Q(kind=Kind.PERSON), then=Exists(active)), default=False, output_field=BooleanField()
        ),
        "identity.owned_until": Case(
            When(Q(kind=Kind.PERSON), then=None), default=Subquery(owned.values("ends_at")[:1])
        ),
    }
