"""Separation as plain values."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import product
from typing import Any
from uuid import UUID

from django.db.models import Count, Q, QuerySet
from django.forms import Form
from django.urls import reverse

from governance.separation.models import (
    Mitigation,
    SeparationMember,
    SeparationRule,
    SeparationRuleVersion,
    SeparationViolation,
)
from governance.separation.queries import names
from governance.separation.rules import Sides
from governance.separation.sides import among
from governance.separation.states import MitigationState, Side, ViolationState
from governance.web import present
from governance.web.shapes import Act, Who


@dataclass(frozen=True, slots=True)
class Row:
    """A violation as a line."""

    ref: str
    url: str
    rule: str
    title: str
    holder: Who
    left: str
    right: str
    severity: str
    since: datetime
    state: str
    note: str


def row(violation: SeparationViolation) -> Row:
    """A violation as a line; needs its names."""
    return Row(
        ref=str(violation),
        url=reverse("violation-detail", args=[violation.pk]),
        rule=violation.rule.key,
        title=violation.rule.title,
        holder=present.who(violation.identity),
        left=str(violation.left),
        right=str(violation.right),
        severity=violation.severity,
        since=violation.opened_at,
        state=violation.state,
        note=violation.state_reason if violation.state != ViolationState.OPEN else "",
    )


def ways(violation: SeparationViolation) -> list[list[str]]:
    """The way to each side by names, from what is assigned to what is kept apart."""
    called = names({*violation.left_path, *violation.right_path})
    return [[called[pk] for pk in path] for path in (violation.left_path, violation.right_path)]


@dataclass(frozen=True, slots=True)
class MitigationRow:
    """A mitigation as a line, and in full."""

    ref: str
    url: str
    rule: str
    title: str
    rule_url: str
    holder: Who
    reason: str
    control: str
    requester: str
    requested_at: datetime
    ends_at: datetime
    review_at: datetime
    overdue: bool
    state: str
    decider: str
    decided_at: datetime | None
    note: str
    emergency: bool


def mitigation(row_: Mitigation, now: datetime) -> MitigationRow:
    """A mitigation, and whether its review is overdue; needs its names."""
    return MitigationRow(
        ref=str(row_),
        url=reverse("mitigation-detail", args=[row_.pk]),
        rule=row_.rule.key,
        title=row_.rule.title,
        rule_url=reverse("separation-rule-detail", args=[row_.rule_id]),
        holder=present.who(row_.identity),
        reason=row_.reason,
        control=row_.control,
        requester=row_.requester.name,
        requested_at=row_.requested_at,
        ends_at=row_.ends_at,
        review_at=row_.review_at,
        overdue=row_.state == MitigationState.APPROVED and row_.review_at <= now < row_.ends_at,
        state=row_.state,
        decider=row_.decider.name if row_.decider else "",
        decided_at=row_.decided_at,
        note=row_.state_reason,
        emergency=row_.emergency,
    )


ACTS: Mapping[str, tuple[str, str, str]] = {
    "approve": ("Approve", "{} may hold both sides until the end that is asked for. It is your decision.", "primary"),
    "reject": ("Reject", "What is held stays a violation.", "danger"),
    "withdraw": ("Take back", "Nobody decides on it any more. It stays on record.", "danger"),
    "end": (
        "End it now",
        "What it covers is an open violation again, and the rule's owner and security are told.",
        "danger",
    ),
}
"""The verb, what it does, and its tone."""


def mitigating(row_: Mitigation, verb: str, form: Form) -> Act:
    """Something that can be done to a mitigation."""
    words, text, tone = ACTS[verb]
    url = reverse(f"mitigation-{verb}", args=[row_.pk])
    back = reverse("mitigation-detail", args=[row_.pk])
    return Act(verb, words, f"{words}: {row_}", text.format(row_.identity), url, back, form, tone, "Back")


@dataclass(frozen=True, slots=True)
class RuleRow:
    """A rule as a line."""

    key: str
    title: str
    url: str
    severity: str
    state: str
    owners: str
    open: int
    mitigated: int


def rule_rows(rules: Sequence[SeparationRule], owners: Mapping[UUID, str]) -> list[RuleRow]:
    """Rules with how they stand; two queries."""
    ids = [rule.pk for rule in rules]
    counted = SeparationViolation.objects.filter(rule__in=ids).values("rule").order_by("rule")
    counts: dict[UUID, Mapping[str, Any]] = {
        one["rule"]: one
        for one in counted.annotate(open=Count("pk", Q(state="open")), mitigated=Count("pk", Q(state="mitigated")))
    }
    versions = {one.rule_id: one for one in SeparationRuleVersion.objects.filter(rule__in=ids).order_by("number")}
    versions |= {one.rule_id: one for one in SeparationRuleVersion.objects.in_force().filter(rule__in=ids)}
    return [_rule_row(rule, versions[rule.pk], counts.get(rule.pk, {}), owners[rule.pk]) for rule in rules]


def _rule_row(rule: SeparationRule, version: SeparationRuleVersion, counts: Mapping[str, Any], owners: str) -> RuleRow:
    return RuleRow(
        key=rule.key,
        title=rule.title,
        url=reverse("separation-rule-detail", args=[rule.pk]),
        severity=version.severity,
        state=version.state,
        owners=owners,
        open=counts.get("open", 0),
        mitigated=counts.get("mitigated", 0),
    )


@dataclass(frozen=True, slots=True)
class Version:
    """What a rule says, or said."""

    number: int
    state: str
    severity: str
    reason: str
    left: Sequence[str]
    right: Sequence[str]
    drafted_by: str
    since: datetime | None
    until: datetime | None


def versions(rule: SeparationRule) -> list[Version]:
    """All versions of a rule, newest first; two queries."""
    rows = list(rule.versions.select_related("drafted_by").order_by("-number"))
    sides = sides_of(rows)
    return [
        Version(
            one.number,
            one.state,
            one.severity,
            one.reason,
            sides[one.pk, Side.LEFT],
            sides[one.pk, Side.RIGHT],
            one.drafted_by.name,
            one.effective_from,
            one.effective_until,
        )
        for one in rows
    ]


def sides_of(rows: Iterable[SeparationRuleVersion]) -> Mapping[tuple[UUID, str], list[str]]:
    """The entitlements and bundles of each side by name; one query."""
    ids = [one.pk for one in rows]
    found: dict[tuple[UUID, str], list[str]] = {(pk, side): [] for pk in ids for side in Side}
    members = SeparationMember.objects.filter(version__in=ids).select_related("entitlement__system", "bundle")
    for member in members:
        found[member.version_id, member.side].append(_member(member))
    return {key: sorted(called) for key, called in found.items()}


def _member(member: SeparationMember) -> str:
    return str(member.entitlement) if member.entitlement else f"All that {member.bundle} holds"


VERSION_ACTS: Mapping[str, tuple[str, str, str]] = {
    "in-force": (
        "Propose to put in force",
        "It decides on requests and activations once whoever answers for the rule has said yes.",
        "primary",
    ),
    "discard": ("Discard the draft", "It never comes into force, and stays on record.", "danger"),
    "retire": (
        "Propose to retire",
        "It keeps nothing apart any more once whoever answers for the rule has said yes. Its violations are resolved.",
        "danger",
    ),
}


def version_act(version: SeparationRuleVersion, verb: str, form: Form) -> Act:
    """Something that can be done to a version."""
    words, text, tone = VERSION_ACTS[verb]
    url = reverse(f"separation-version-{verb}", args=[version.pk])
    back = reverse("separation-rule-detail", args=[version.rule_id])
    return Act(verb, words, f"{words}: {version}", text, url, back, form, tone, "Back")


# The matrix -----------------------------------------------------------------------------------------------------------

MOST_COLUMNS = 12
"""What a page has room for; with more, each entitlement is listed with what it is kept apart from."""


@dataclass(frozen=True, slots=True)
class Cell:
    """What keeps two entitlements apart, and how often they are held together."""

    rule: str
    url: str
    severity: str
    open: int


@dataclass(frozen=True, slots=True)
class Line:
    """An entitlement with what it is kept apart from: by column, and as pairs of name and cell."""

    name: str
    cells: Sequence[Cell | None]
    pairs: Sequence[tuple[str, Cell]]


@dataclass(frozen=True, slots=True)
class Grid:
    """All that is kept apart: a line for each entitlement, a column for each, unless they are too many."""

    columns: Sequence[str]
    lines: Sequence[Line]


def matrix(rules: "QuerySet[SeparationRule]") -> Grid:
    """The rules in force, of those given, entitlement by entitlement; four queries."""
    versions = SeparationRuleVersion.objects.in_force().filter(rule__in=rules).select_related("rule")
    standing = {version.rule_id: version for version in versions}
    sides = among(standing)
    cells = _cells(standing, sides, _held_together(rules))
    called = names({pk for both in sides.values() for pk in both.left | both.right})
    order = sorted(called, key=called.__getitem__)
    lines = [
        Line(
            called[one],
            [cells.get((one, other)) for other in order],
            [(called[other], cells[one, other]) for other in order if (one, other) in cells],
        )
        for one in order
    ]
    return Grid([called[pk] for pk in order] if len(order) <= MOST_COLUMNS else [], lines)


Pair = frozenset[UUID]


def _held_together(rules: "QuerySet[SeparationRule]") -> Mapping[tuple[UUID, Pair], int]:
    """How many open violations each rule has of each pair; one query."""
    held = SeparationViolation.objects.filter(state=ViolationState.OPEN, rule__in=rules)
    rows = held.values_list("rule", "left", "right").order_by().annotate(count=Count("pk"))
    return {(rule, frozenset({left, right})): count for rule, left, right, count in rows}


def _cells(
    versions: Mapping[UUID, SeparationRuleVersion],
    sides: Mapping[UUID, Sides],
    counts: Mapping[tuple[UUID, Pair], int],
) -> Mapping[tuple[UUID, UUID], Cell]:
    found: dict[tuple[UUID, UUID], Cell] = {}
    for pk, both in sides.items():
        version = versions[pk]
        url = reverse("separation-rule-detail", args=[pk])
        for one, other in product(both.left, both.right):
            count = counts.get((version.rule_id, frozenset({one, other})), 0)
            found[one, other] = found[other, one] = Cell(version.rule.key, url, version.severity, count)
    return found
