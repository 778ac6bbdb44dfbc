"""Criteria: conditions that say which identities something is for. They ask of the identity, and of nothing else."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import BooleanField, Case, Exists, F, OuterRef, Q, QuerySet, Subquery, When
from django.db.models.expressions import Combinable

from governance.identities.models import MACHINES, Identity, Ownership, TeamMembership
from governance.identities.querysets import acts
from governance.identities.states import Kind, OwnerRole
from governance.policy.cel import ConditionError, EvaluationFailed, checked, compiled, given_some
from governance.policy.facts import IdentityFacts, declarations
from governance.policy.kept import names_in

AT_A_TIME: Final = 2_000
STRINGS: Final = re.compile(r"""r?('''.*?'''|\"\"\".*?\"\"\"|'(\\.|[^'\\])*'|"(\\.|[^"\\])*")""", re.DOTALL)

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


def problem(text: str) -> str | None:
    """Why criteria can't be kept. None where they can, and where there are none."""
    if not text.strip():
        return None
    try:
        checked(text)
    except ConditionError as error:
        return str(error)
    others = {one.name.partition(".")[0] for one in declarations()} - {"identity"}
    named = set(re.findall(r"\b[a-z_]+\b", STRINGS.sub("", text))) & others
    return f"Criteria ask of the identity alone, not of {min(named)}." if named else None


def facts_named(criteria: str) -> tuple[str, ...]:
    """The facts of the identity that criteria name; what stands in a text of theirs may be called like another fact."""
    return tuple(name for name in names_in(criteria) if name.startswith("identity."))


def holds(criteria: str, values: Mapping[str, Any]) -> bool:
    """Whether criteria are true of the facts; no answer is a no."""
    try:
        return compiled(criteria).holds(given_some(values))
    except (ConditionError, EvaluationFailed):
        return False


def admit(criteria: str, identity: IdentityFacts) -> bool:
    """Whether they are true of one identity. Where there are none, it is anybody's."""
    if not criteria:
        return True
    return holds(criteria, {f"identity.{one.name}": getattr(identity, one.name) for one in fields(identity)})


def meeting(criteria: str, identities: "QuerySet[Identity]", now: datetime) -> frozenset[UUID]:
    """Those of the identities of which the criteria are true; one query."""
    names, columns = facts_named(criteria), known(now)
    rows = identities.order_by().values_list("pk", *(columns[name] for name in names))
    return frozenset(pk for pk, *values in rows if holds(criteria, dict(zip(names, values, strict=True))))


def combinations(
    identities: "QuerySet[Identity]", names: tuple[str, ...], now: datetime
) -> Iterator[Mapping[str, Any]]:
    """Each combination of the named facts that there is among the identities; one query."""
    columns = known(now)
    if not names:
        yield from [{}] if identities.exists() else []
        return
    rows = identities.order_by().values_list(*(columns[name] for name in names)).distinct()
    for row in rows.iterator(AT_A_TIME):
        yield {name: tuple(value) if isinstance(value, list) else value for name, value in zip(names, row, strict=True)}


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
