"""The form of a request with what it would lead to: choices, catalog, and the draft lease beside it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from governance.approvals.states import StepState
from governance.catalog.models import Entitlement
from governance.core.actor import Actor
from governance.policy.states import StepKind
from governance.policy.verdicts import Verdict
from governance.policy.words import length
from governance.purposes.models import Purpose
from governance.requests import actions, queries
from governance.requests.actions import Foreseen
from governance.requests.proposing import Proposal, refusals
from governance.web import present
from governance.web.requests.forms import ME, OWNED, UNTIL, RequestForm, seconds, terms
from governance.web.shapes import Assessment, Reason, Route, Step

MOST_SHOWN = 30
"""Entitlements in the list before one has to search, and purposes to choose from."""

STILL_OPEN = {
    "identity": "for whom",
    "entitlements": "what access",
    "purpose": "the purpose",
    "justification": "why",
    "term": "how long",
    "until": "until when",
}


@dataclass(frozen=True, slots=True)
class Choice:
    """One radio button."""

    value: str
    label: str
    two: str = ""
    ref: str = ""
    checked: bool = False


@dataclass(frozen=True, slots=True)
class Offer:
    """One line of the catalog."""

    id: str
    name: str
    allows: str
    system: str
    risk: str
    longest: timedelta
    checked: bool


@dataclass(frozen=True, slots=True)
class Catalog:
    """The lines shown, and a word on those that are not."""

    rows: Sequence[Offer]
    note: str
    holder: str
    empty: str


@dataclass(frozen=True, slots=True)
class Item:
    """An entitlement of the draft."""

    name: str
    system: str


@dataclass(frozen=True, slots=True)
class Lease:
    """The draft lease: what it would say, what policy says of it, and who would decide."""

    holder: str | None = None
    items: Sequence[Item] = ()
    purpose: str | None = None
    asked: timedelta | None = None
    ends_at: datetime | None = None
    about: str = ""
    cap: timedelta | None = None
    cap_why: str = ""
    tone: str = "note"
    headline: str = ""
    headline_more: str = ""
    routes: Sequence[Route] = ()
    reasons: Sequence[Reason] = ()
    risks: Sequence[Assessment] = ()
    wrong: Sequence[str] = field(default_factory=tuple)


def beneficiaries(form: RequestForm, actor: Actor) -> list[Choice]:
    """For whom one may ask."""
    said, owned = form.said("beneficiary"), form.owned_count
    choices = [Choice(ME, "Me", actor.label, checked=said != OWNED)]
    if owned:
        two = present.counted(owned, "machine identity").replace("identitys", "identities")
        choices.append(Choice(OWNED, "An identity I own", two, checked=said == OWNED))
    return choices


def term_choices(form: RequestForm, now: datetime) -> list[Choice]:
    """For how long."""
    said = form.said("term")
    choices = [
        Choice(seconds(term), label, _to(now, term), checked=said == seconds(term)) for label, term in terms().items()
    ]
    return [*choices, Choice(UNTIL, "A date", "you name it", checked=said == UNTIL)]


def _about(now: datetime, term: timedelta) -> str:
    """When a term that begins now would end: the time alone on the same day."""
    end = now + term
    return f"{end:%H:%M}" if end.date() == now.date() else present.at_minute(end)


def _to(now: datetime, term: timedelta) -> str:
    end = now + term
    if end.date() == now.date():
        return f"to {end:%H:%M}"
    return f"to {end.day} {end:%b}" if end.year == now.year else f"to {present.on_day(end)}"


def term_hint(form: RequestForm, draft: Lease, now: datetime) -> str:
    """That the term is too long: by policy, or until that can be asked by what is ticked. Nothing where it is not."""
    if draft.asked and draft.cap is not None:
        return f"Too long. {draft.cap_why}" if draft.asked > draft.cap else ""
    asked, shortest = form.asked(now), min(form.chosen(), key=lambda row: row.longest_lease, default=None)
    if asked is None or shortest is None or asked <= shortest.longest_lease:
        return ""
    return f"Too long. {shortest.name} is leased for at most {length(shortest.longest_lease)}."


def purposes(form: RequestForm, now: datetime) -> list[Choice]:
    """The purposes that may justify all that is ticked; the one that is chosen, whether or not it may."""
    said = form.said("purpose")
    fitting = queries.purposes_for([entitlement.pk for entitlement in form.chosen()], now)
    shown = list(fitting[:MOST_SHOWN])
    if said and said not in {str(row.pk) for row in shown}:
        shown = [row for row in form.choice("purpose").queryset if str(row.pk) == said] + shown
    return [_purpose(row, checked=str(row.pk) == said) for row in shown]


def _purpose(row: Purpose, *, checked: bool) -> Choice:
    until = f"Ends {present.on_day(row.ends_at)}." if row.ends_at else ""
    review = f"Review due {present.on_day(row.review_at)}." if row.review_at and not row.ends_at else ""
    return Choice(str(row.pk), row.name, until or review, row.reference, checked)


def fitting(form: RequestForm) -> str:
    """What the purposes shown fit: the ticked entitlements, as the form sends them back."""
    return ",".join(sorted(str(entitlement.pk) for entitlement in form.chosen()))


def holder(form: RequestForm) -> str:
    """For whom the catalog is, as the form sends it back."""
    return str(form.holder.pk) if form.holder else ""


def catalog(form: RequestForm, words: str | None) -> Catalog:
    """What matches the words, and first of all what is ticked whatever the words: a search drops no choice.

    Words that can't be read match nothing.
    """
    chosen = form.chosen()
    ids = {entitlement.pk for entitlement in chosen}
    matching = form.catalog(words or "").exclude(pk__in=ids)
    if words is None:
        matching = matching.none()
    found = list(matching[: MOST_SHOWN + 1])
    rows = [*(_offer(row, checked=True) for row in chosen), *(_offer(row, checked=False) for row in found[:MOST_SHOWN])]
    more = len(found) > MOST_SHOWN
    note = f"The first {MOST_SHOWN} are shown. Search to narrow them down." if more else ""
    empty = "Nothing in the catalog matches." if form.holder else "Say for whom: what they could hold is shown here."
    return Catalog(rows, note, holder(form), empty)


def _offer(row: Entitlement, *, checked: bool) -> Offer:
    system = row.system.name
    return Offer(str(row.pk), row.name, row.description, system, row.risk, row.longest_lease, checked)


def lease(form: RequestForm, actor: Actor, now: datetime) -> Lease:
    """The draft as far as the form goes; asked of policy once it is whole. Stores nothing."""
    if not form.is_bound:
        return Lease()
    if not form.is_valid():
        return _unfinished(form)
    draft = form.draft()
    proposal = actions.preview(draft=draft, actor=actor, now=now)
    return _judged(proposal, refusals([proposal], now), now)


def _unfinished(form: RequestForm) -> Lease:
    missing = [words for name, words in STILL_OPEN.items() if name in form.errors and not form.said(name)]
    wrong = [text for name, errors in form.errors.items() if form.data.get(name) for text in map(str, errors)]
    headline = f"Still open: {', '.join(missing)}." if missing else ""
    given: Mapping[str, Any] = form.cleaned_data
    purpose = given.get("purpose")
    return Lease(
        holder=form.holder.name if form.holder else None,
        items=_items(form.chosen()),
        purpose=purpose.name if purpose else None,
        headline=headline,
        wrong=wrong,
    )


def _items(entitlements: Iterable[Entitlement]) -> list[Item]:
    return [Item(row.name, row.system.name) for row in entitlements]


def _judged(proposal: Proposal, refusals: Mapping[str, str], now: datetime) -> Lease:
    verdicts = [verdict for _, verdict in proposal.verdicts]
    tightest = min(verdicts, key=lambda verdict: verdict.latest_end)
    draft = proposal.draft
    denied = bool(refusals) or not all(verdict.allowed for verdict in verdicts)
    said = _headline(proposal, len(refusals), denied=denied)
    return Lease(
        holder=proposal.beneficiary.name,
        items=_items(entitlement for entitlement, _ in proposal.verdicts),
        purpose=proposal.purpose.name,
        asked=draft.term or (draft.until or now) - now,
        ends_at=draft.until,
        about=_about(now, draft.term) if draft.term and not denied else "",
        cap=tightest.latest_end - now,
        cap_why=tightest.binding.text,
        tone="bad" if denied else "ok",
        headline=said[0],
        headline_more=said[1],
        routes=[] if denied else _routes(proposal, now),
        reasons=_reasons(verdicts),
        risks=_risks(proposal),
        wrong=list(refusals.values()),
    )


def _headline(proposal: Proposal, refusals: int, *, denied: bool) -> tuple[str, str]:
    if refusals:
        return "This can't be sent as it stands.", "What is in the way is said below."
    if denied:
        return _denial(proposal)
    steps = max(len(verdict.steps) for _, verdict in proposal.verdicts)
    if not steps:
        return "Policy allows this.", "Nobody has to decide."
    each = " for each item" if len(proposal.verdicts) > 1 else ""
    most = "at most " if any(len(verdict.steps) < steps for _, verdict in proposal.verdicts) else ""
    noun = f"approval{'' if steps == 1 else 's'}"
    return "Policy allows this", f"with {most}{present.number(steps).lower()} {noun}{each}."


def _denial(proposal: Proposal) -> tuple[str, str]:
    """What policy denies, by name where it allows the rest."""
    names = [entitlement.name for entitlement, verdict in proposal.verdicts if not verdict.allowed]
    if len(names) == len(proposal.verdicts):
        return "Policy denies this.", "Why is said below."
    return f"Policy denies {present.all_of(names)}.", "It allows the rest. Why is said below."


def _routes(proposal: Proposal, now: datetime) -> list[Route]:
    """Who would be asked, item by item: their routes run beside one another."""
    several = len(proposal.verdicts) > 1
    routes: dict[str, list[Step]] = {}
    for one in actions.foreseen(proposal, now):
        routes.setdefault(one.entitlement.name if several else "", []).append(_step(one))
    return [Route(name, steps) for name, steps in routes.items()]


def _step(one: Foreseen) -> Step:
    who = " or ".join(one.names) or "nobody can be asked yet"
    return Step(StepState.WAITING, StepKind(one.plan.kind).label, who)


def _risks(proposal: Proposal) -> list[Assessment]:
    """How risky each item is, by name where there are several."""
    several = len(proposal.verdicts) > 1
    return [
        present.assessment(asdict(verdict.facts.risk), verdict.cadence, entitlement.name if several else "")
        for entitlement, verdict in proposal.verdicts
    ]


def _reasons(verdicts: Sequence[Verdict]) -> list[Reason]:
    """What each rule said, once."""
    said = (
        present.reason(reason.outcome, reason.text, reason.rule_key, reason.version, reason.mode)
        for verdict in verdicts
        for reason in verdict.told
    )
    return list(dict.fromkeys(said))
