"""Break-glass as its pages show it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.forms import Form
from django.urls import reverse

from governance.break_glass import permissions
from governance.break_glass.actions import Proposal, refusals
from governance.break_glass.models import BreakGlass, Exposure
from governance.break_glass.states import ExposureState, GlassState
from governance.core.actor import Actor
from governance.identities.models import Identity
from governance.web import present
from governance.web.shapes import Act, Banner, Who


@dataclass(frozen=True, slots=True)
class Row:
    """One of them as a line."""

    ref: str
    url: str
    entitlement: str
    system: str
    holder: Who
    purpose: str
    incident: str
    taken_at: datetime
    ends_at: datetime
    state: str
    note: str


def row(glass: BreakGlass, now: datetime) -> Row:
    """One of a list; needs its names."""
    grant = glass.grant
    return Row(
        ref=str(glass),
        url=reverse("break-glass-detail", args=[glass.pk]),
        entitlement=grant.entitlement.name,
        system=grant.entitlement.system.name,
        holder=present.who(glass.holder),
        purpose=str(grant.purpose),
        incident=glass.incident,
        taken_at=glass.taken_at,
        ends_at=grant.ends_at,
        state=glass.state,
        note=_note(glass, now),
    )


def _note(glass: BreakGlass, now: datetime) -> str:
    """What is to be said besides the state: it stands still, or waits for too long."""
    if permissions.obstacle("stop", glass, now) is None:
        return "stands now"
    late = glass.state != GlassState.CLOSED and now >= glass.due_at
    return "overdue" if late else ""


@dataclass(frozen=True, slots=True)
class Preview:
    """What would follow if the glass were broken now: what stands against it, until when, who is skipped and told."""

    wrong: Sequence[str]
    until: datetime
    latest: datetime
    because: str
    skipped: Sequence[str]
    told: Sequence[str]


def preview(proposal: Proposal, now: datetime) -> Preview:
    """The same before it is done."""
    verdict, latest = proposal.verdict, proposal.verdict.latest_end
    return Preview(
        wrong=list(refusals(proposal, now).values()),
        until=min(now + proposal.draft.term, latest),
        latest=latest,
        because=verdict.binding.text,
        skipped=[f"{step.step}: {', '.join(step.names) or 'nobody'}" for step in proposal.skipped],
        told=_names(proposal.told),
    )


def _names(identity_ids: Iterable[UUID]) -> list[str]:
    return list(Identity.objects.filter(pk__in=identity_ids).order_by("name").values_list("name", flat=True))


@dataclass(frozen=True, slots=True)
class ExposureRow:
    """A credential that was exposed, and where it is marked as rotated by whoever may."""

    kind: str
    locator: str
    state: str
    evidence: str
    by: str
    at: datetime | None
    url: str


@dataclass(frozen=True, slots=True)
class Detail:
    """One of them in full."""

    row: Row
    grant: str
    grant_url: str
    grant_state: str
    justification: str
    skipped: Sequence[str]
    told: Sequence[str]
    reviewer: str
    reviewed_at: datetime | None
    done: str
    exposures: Sequence[ExposureRow]
    closer: str
    closed_at: datetime | None


def detail(glass: BreakGlass, acts: Sequence[str], now: datetime) -> Detail:
    """One of them, with what the visitor may mark."""
    exposures = glass.exposures.select_related("rotated_by").order_by("pk")
    return Detail(
        row=row(glass, now),
        grant=str(glass.grant),
        grant_url=reverse("grant-detail", args=[glass.grant_id]),
        grant_state=present.shown_state(glass.grant, now),
        justification=glass.justification,
        skipped=[f"{step['step']}: {', '.join(step['asked']) or 'nobody'}" for step in glass.skipped],
        told=_names(glass.told),
        reviewer=glass.reviewer.name if glass.reviewer else "",
        reviewed_at=glass.reviewed_at,
        done=glass.done,
        exposures=[_exposure(one, may="rotate" in acts) for one in exposures],
        closer=glass.closer.name if glass.closer else "",
        closed_at=glass.closed_at,
    )


def _exposure(one: Exposure, *, may: bool) -> ExposureRow:
    return ExposureRow(
        kind=one.get_kind_display(),
        locator=one.locator,
        state=one.state,
        evidence=one.evidence,
        by=one.rotated_by.name if one.rotated_by else "",
        at=one.rotated_at,
        url=reverse("exposure-rotate", args=[one.pk]) if may and one.state == ExposureState.EXPOSED else "",
    )


def banner(glass: BreakGlass, now: datetime) -> Banner | None:
    """What is to be done about it."""
    if glass.state == GlassState.CLOSED:
        return None
    if permissions.obstacle("stop", glass, now) is None:
        until = present.at_minute(glass.grant.ends_at)
        return Banner(
            "bad", "Taken at once, and standing", f"It ends by itself on {until}. Security can stop it before."
        )
    what = "somebody else to review it" if glass.state == GlassState.OPEN else "all that it exposed to be rotated"
    due, late = present.at_minute(glass.due_at), now >= glass.due_at
    return Banner(
        "bad" if late else "warn", "Not closed yet", f"It waits for {what}. It {'was' if late else 'is'} due {due}."
    )


VERBS: Final = {
    "stop": ("Stop it", "The access is removed now, and with it every other lease of the same access.", "danger"),
    "review": ("Review it", "You write down what was done, and list every credential that was exposed.", "primary"),
    "close": ("Close it", "Its removal is verified, it is reviewed, and all that it exposed is rotated.", "primary"),
}


def acting(glass: BreakGlass, verb: str, form: Form) -> Act:
    """The form of something that can be done to it."""
    words, text, tone = VERBS[verb]
    url, back = (reverse(f"break-glass-{name}", args=[glass.pk]) for name in (verb, "detail"))
    return Act(verb, words, f"{words}: {glass}", text, url, back, form, tone, leave="Back")


def rotating(exposure: Exposure, form: Form) -> Act:
    """The form that marks a credential as rotated."""
    text = f"{exposure.get_kind_display()} of {exposure.locator}: a new one is in use, and the old one opens nothing."
    url = reverse("exposure-rotate", args=[exposure.pk])
    back = reverse("break-glass-detail", args=[exposure.break_glass_id])
    return Act("rotate", "Mark as rotated", "Mark as rotated", text, url, back, form, leave="Back")


@dataclass(frozen=True, slots=True)
class Emergency:
    """What stands now and everybody whom it concerns has before their eyes."""

    text: str
    url: str


def emergency(glass: BreakGlass, actor: Actor) -> Emergency:
    """One line of it; needs its names."""
    who = "You have" if glass.holder_id in actor.identity_ids else f"{glass.holder} has"
    until = present.at_minute(glass.grant.ends_at)
    text = f"{who} taken {glass.grant.entitlement} at once, for {glass.incident}. It ends on {until}."
    return Emergency(text, reverse("break-glass-detail", args=[glass.pk]))
