"""Findings and suggestions as their pages show them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.forms import Form
from django.urls import reverse

from governance.analysis import permissions, suggesting
from governance.analysis.models import Found, RoleSuggestion, StaleFinding, Survey
from governance.analysis.reasons import ADVICE, reason
from governance.analysis.states import PARTS, ROLES, FoundState, Stale, SurveyState
from governance.catalog import permissions as catalog
from governance.core.actor import Actor
from governance.identities.queries import owners
from governance.identities.states import OwnerRole
from governance.policy.words import day
from governance.web.findings.ways import Ways, ways
from governance.web.present import counted, who
from governance.web.shapes import Act, Who

MOST = 50
"""Members that a page names; it says how many more there are."""


@dataclass(frozen=True, slots=True)
class SurveyLine:
    """How the last survey stands: `percent` of its parts are done."""

    ref: str
    state: str
    reason: str
    at: datetime
    by: str
    percent: int
    words: str


def survey(found: Survey) -> SurveyLine:
    """A survey in a line."""
    stale = [part for name, part in found.counts.items() if name != ROLES]
    told = {name: sum(part[name] for part in stale) for name in ("found", "new", "gone")}
    roles = counted(found.counts.get(ROLES, {}).get("found", 0), "suggested role")
    return SurveyLine(
        ref=str(found),
        state=found.state,
        reason=found.state_reason,
        at=found.at,
        by=found.started_by,
        percent=100 * len(found.done) // len(PARTS) if found.state == SurveyState.RUNNING else 100,
        words=f"{counted(told['found'], 'finding')}, {told['new']:,} of them new; {told['gone']:,} gone; {roles}",
    )


@dataclass(frozen=True, slots=True)
class Row:
    """A finding as a line."""

    ref: str
    url: str
    subject: str
    kind: str
    reason: str
    holder: Who | None
    system: str
    owner: str
    score: int
    state: str
    note: str


def rows(found: Sequence[StaleFinding], now: datetime) -> list[Row]:
    """Findings of a list, with those who answer for them."""
    people = owners({(one.owner_kind, one.owner_id) for one in found}, now)
    return [_row(one, people[one.owner_kind, one.owner_id].get(OwnerRole.OWNER, [])) for one in found]


def _row(one: StaleFinding, people: Sequence[Any]) -> Row:
    return Row(
        ref=str(one),
        url=reverse("finding-detail", args=[one.pk]),
        subject=one.subject,
        kind=str(Stale(one.kind).label),
        reason=reason(one.kind, one.figures),
        holder=who(one.holder) if one.holder else None,
        system=one.system.name if one.system else "",
        owner=", ".join(person.name for person in people),
        score=one.score,
        state=one.state,
        note=note(one),
    )


def note(one: Found) -> str:
    """What to say behind its state."""
    return f"until {day(one.dismissed_until)}" if one.state == FoundState.DISMISSED and one.dismissed_until else ""


@dataclass(frozen=True, slots=True)
class Detail:
    """One finding in full."""

    row: Row
    advice: str
    ways: Ways
    found_at: datetime
    survey: str
    closed_at: datetime | None
    dismissed_by: str
    why: str
    acts: Sequence[Act]
    refusal: str


def detail(one: StaleFinding, form: Form, actor: Actor, now: datetime) -> Detail:
    """One finding, with what can be done about it."""
    refusal = permissions.finding_refusal(actor, one, now) or ""
    is_open = one.state == FoundState.OPEN
    return Detail(
        row=rows([one], now)[0],
        advice=ADVICE[one.kind],
        ways=ways(one, actor, now),
        found_at=one.found_at,
        survey=str(one.survey),
        closed_at=one.closed_at,
        dismissed_by=one.dismissed_by,
        why=one.state_reason,
        acts=[dismissing(one, form)] if is_open and not refusal else [],
        refusal=refusal if is_open else "",
    )


def dismissing(one: Found, form: Form) -> Act:
    """The form that lets something be for a while, and what that does."""
    page = "finding" if isinstance(one, StaleFinding) else "suggestion"
    url, back = (reverse(f"{page}-{verb}", args=[one.pk]) for verb in ("dismiss", "detail"))
    text = "It stays on record with your reason, and is open again at that day if it is still there."
    return Act("dismiss", "Dismiss", f"Dismiss {one}", text, url, back, form, leave="Not now")


def looking(form: Form) -> Act:
    """The form that has everything looked at, and what that does."""
    text = "All access, bundles, purposes and rules are looked at, as each day. Nothing but findings changes."
    url, back = reverse("finding-look"), reverse("finding-list")
    return Act("look", "Look again", "Look for what is stale", text, url, back, form, leave="Not now")


@dataclass(frozen=True, slots=True)
class SuggestionRow:
    """A suggestion as a line."""

    pk: UUID
    ref: str
    url: str
    who: str
    size: int
    names: Sequence[str]
    members: int
    covered: str
    excess: int
    score: int
    state: str
    note: str


def suggestion_rows(found: Sequence[RoleSuggestion], actor: Actor, now: datetime) -> list[SuggestionRow]:
    """Suggestions of a list, with the names of some of what each holds."""
    seen = catalog.visible_entitlements(actor, now).filter(pk__in={pk for one in found for pk in one.entitlements})
    names = dict(seen.values_list("pk", "name"))
    return [suggestion_row(one, sorted(names[pk] for pk in one.entitlements if pk in names)) for one in found]


def suggestion_row(one: RoleSuggestion, names: Sequence[str]) -> SuggestionRow:
    """A suggestion in a line."""
    return SuggestionRow(
        pk=one.pk,
        ref=str(one),
        url=reverse("suggestion-detail", args=[one.pk]),
        who=", ".join(part for part in (one.department, one.title) if part) or "Of no one department or title",
        size=len(one.entitlements),
        names=names,
        members=one.members,
        covered=f"{one.covered:,} of {one.standing:,}",
        excess=one.excess,
        score=one.score,
        state=one.state,
        note=note(one),
    )


@dataclass(frozen=True, slots=True)
class Item:
    """One entitlement of a suggestion: how many of the members hold it."""

    name: str
    system: str
    url: str
    risk: str
    held: int


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody who holds most of it, and how much of it."""

    who: Who
    holds: str


@dataclass(frozen=True, slots=True)
class SuggestionDetail:
    """One suggestion in full; `total` members hold most of it now, `more` of them are not named."""

    row: SuggestionRow
    one: RoleSuggestion
    items: Sequence[Item]
    members: Sequence[Member]
    total: int
    more: int
    new_url: str
    acts: Sequence[Act]


def suggestion(one: RoleSuggestion, form: Form, actor: Actor, now: datetime) -> SuggestionDetail:
    """One suggestion with what it holds, and who holds it now."""
    items = _items(one, actor, now)
    members = suggesting.members(one, now)
    total = members.count()
    may = one.state == FoundState.OPEN and permissions.may_dismiss_suggestions(actor)
    return SuggestionDetail(
        row=suggestion_row(one, [item.name for item in items]),
        one=one,
        items=items,
        members=[_member(member, one) for member in members[:MOST]],
        total=total,
        more=max(0, total - MOST),
        new_url=f"{reverse('bundle-new')}?suggestion={one.pk}" if one.state != FoundState.GONE else "",
        acts=[dismissing(one, form)] if may else [],
    )


def _items(one: RoleSuggestion, actor: Actor, now: datetime) -> list[Item]:
    held = suggesting.held_by_members(one, now)
    seen = catalog.visible_entitlements(actor, now).filter(pk__in=one.entitlements).select_related("system")
    return [
        Item(
            what.name, what.system.name, reverse("entitlement-detail", args=[what.pk]), what.risk, held.get(what.pk, 0)
        )
        for what in seen.order_by("system__name", "name")
    ]


def _member(member: Any, one: RoleSuggestion) -> Member:
    lacking = len(one.entitlements) - member.share
    two = ", ".join(part for part in (member.department, member.title) if part)
    return Member(who(member, two), f"all but {counted(lacking, 'entitlement')}" if lacking else "all of it")
