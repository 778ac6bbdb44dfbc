"""Rules as their lists show them: what is in force of each, how it stands, who owns it, and who published what."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Case, Exists, OuterRef, Q, QuerySet, Subquery, TextChoices, Value, When
from django.db.models.functions import Coalesce

from governance.identities.models import Ownership
from governance.identities.states import OwnerRole
from governance.policy.models import PolicyRule, PolicyRuleVersion
from governance.policy.queries import in_force_from, versions_in_force
from governance.policy.states import VersionState


class RuleState(TextChoices):
    """How a rule stands as a whole, which follows from its versions."""

    IN_FORCE = "in_force", "In force"
    SCHEDULED = "scheduled", "Takes effect later"
    DRAFT = "draft", "Draft, never in force"
    RETIRED = "retired", "Retired"


def listed(rules: "QuerySet[PolicyRule]", now: datetime) -> "QuerySet[PolicyRule]":
    """The rules with `stands`, `owner_name`, what is in force (`version`, `mode`, `since`, `until`) and `drafts`."""
    mine = Q(rule=OuterRef("pk"))
    current, later = versions_in_force(now).filter(mine), in_force_from(now).filter(mine)
    drafts = PolicyRuleVersion.objects.filter(mine, state=VersionState.DRAFT)
    published = PolicyRuleVersion.objects.filter(mine).exclude(state=VersionState.DRAFT)
    told: dict[str, Any] = {
        "version": Subquery(current.values("number")),
        "mode": Subquery(current.values("mode")),
        "since": Subquery(current.values("effective_from")),
        "until": Subquery(current.values("effective_until")),
        "drafts": Exists(drafts),
        "owner_name": Subquery(_owner(now)),
    }
    stands = Case(
        When(Exists(current), then=Value(RuleState.IN_FORCE)),
        When(Exists(later), then=Value(RuleState.SCHEDULED)),
        When(Exists(published), then=Value(RuleState.RETIRED)),
        default=Value(RuleState.DRAFT),
    )
    return rules.annotate(stands=stands, **told)


def _owner(now: datetime) -> "QuerySet[Ownership, str]":
    periods = Ownership.objects.at(now).filter(
        subject_kind=PolicyRule.NOUN, subject_id=OuterRef("pk"), role=OwnerRole.OWNER
    )
    return periods.annotate(named=Coalesce("identity__name", "team__name")).values_list("named", flat=True)


@dataclass(frozen=True, slots=True)
class Said:
    """Who did something to a version, when, and why."""

    who: str
    at: datetime
    why: str


def drafted_and_published(versions: Collection[PolicyRuleVersion]) -> Mapping[UUID, Mapping[str, Said]]:
    """Who drafted each version last (`draft`), published and retired it, by its id; from its history, one query."""
    history = PolicyRuleVersion.history.filter(id__in=[version.pk for version in versions])
    found: dict[UUID, dict[str, Said]] = {version.pk: {} for version in versions}
    for row in history.order_by("history_date", "history_id"):
        said = Said(row.history_actor, row.history_date, row.history_change_reason)
        if row.state == VersionState.DRAFT:
            found[row.id][row.state] = said
        else:
            found[row.id].setdefault(row.state, said)
    return found


def writers_of(version_id: UUID) -> frozenset[UUID]:
    """The sign-in accounts of everybody who has written in the draft."""
    history = PolicyRuleVersion.history.filter(id=version_id, state=VersionState.DRAFT)
    return frozenset(history.filter(history_user_id__isnull=False).values_list("history_user_id", flat=True))
