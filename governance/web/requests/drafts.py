"""The form of a request with what it would lead to: choices, catalog, and the draft lease beside it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from governance.approvals.states import StepState
from governance.catalog.models import Entitlement
from governance.core.actor import Actor
from governance.core.errors import Invalid
from governance.identities.models import Identity
from governance.policy.states import StepKind
from governance.policy.verdicts import Verdict
from governance.policy.words import length
from governance.purposes.models import Purpose
from governance.requests import actions, queries, suggesting
from governance.requests.actions import Foreseen
from governance.requests.proposing import Proposal, refusals
from governance.web import present
from governance.web.requests.forms import MATES, ME, OWNED, UNTIL, RequestForm, seconds, terms
from governance.web.shapes import Assessment, Reason, Route, Step

MOST_SHOWN = 30
"""Entitlements in the list before one has to search, and purposes to choose from."""

NOT_SO = "This can't be sent as it stands."

STILL_OPEN = {
    "beneficiary": "for whom",
    "identity": "for whom",
    "mate": "for whom",
    "entitlements": "what access",
    "purpose": "the purpose",
    "justification": "why",
    "term": "how long",
    "until": "until when",
}


@dataclass(frozen=True, slots=True)
class Choice:
    """One radio button or tick box; `why` says why it is suggested."""

    value: str
    label: str
    two: str = ""
    why: str = ""
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
    why: str = ""


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
class Outcome:
    """What policy would say of one item for one of several holders."""

    holder: str
    item: str
    tone: str
    words: str


@dataclass(frozen=True, slots=True)
class Lease:
    """The draft lease: what it would say, what policy says of it, and who would decide."""

    holder: str | None = None
    items: Sequence[Item] = ()
    outcomes: Sequence[Outcome] = ()
    starts_at: datetime | None = None
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
    said = form.groups()
    choices = [Choice(ME, "Me", actor.label, checked=ME in said)]
    if owned := form.owned_count:
        two = present.counted(owned, "machine identity", "machine identities")
        choices.append(Choice(OWNED, "Identities I own", two, checked=OWNED in said))
    if mates := form.mates_count:
        two = f"{present.counted(mates, 'person', 'people')}. They are told, and can decline"
        choices.append(Choice(MATES, "Teammates", two, checked=MATES in said))
    return choices


def bundles(form: RequestForm, why: Mapping[UUID, str]) -> list[Choice]:
    """The first bundles that each of the holders may ask for: those that are ticked, suggested ones, then others."""
    ticked = {bundle.version.bundle_id for bundle in form.chosen_bundles()}
    many = {bundle.version.bundle_id: len(bundle.entitlement_ids) for bundle in form.offered_bundles}
    offered = [bundle.version.bundle for bundle in form.offered_bundles]
    rows = sorted(offered, key=lambda row: (row.pk not in ticked, row.pk not in why))[:MOST_SHOWN]
    return [
        Choice(str(row.pk), row.name, two, why.get(row.pk, ""), checked=row.pk in ticked)
        for row in rows
        for two in [present.counted(many[row.pk], "entitlement")]
    ]


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
    fitting = queries.purposes_for(form.wanted(), now)
    shown = queries.admitting(fitting, form.holders, now, MOST_SHOWN)
    if said and said not in {str(row.pk) for row in shown}:
        shown = [row for row in form.choice("purpose").queryset if str(row.pk) == said] + shown
    return [_purpose(row, checked=str(row.pk) == said) for row in shown]


def _purpose(row: Purpose, *, checked: bool) -> Choice:
    until = f"Ends {present.on_day(row.ends_at)}." if row.ends_at else ""
    review = f"Review due {present.on_day(row.review_at)}." if row.review_at and not row.ends_at else ""
    return Choice(str(row.pk), row.name, until or review, ref=row.reference, checked=checked)


def fitting(form: RequestForm) -> str:
    """What the purposes shown fit: the ticked entitlements, as the form sends them back."""
    return ",".join(sorted(map(str, form.wanted())))


def holder(form: RequestForm) -> str:
    """For whom and under which purpose the catalog is, as the form sends it back."""
    purpose = form.under()
    whom = ",".join(sorted(str(one.pk) for one in form.holders))
    return f"{whom}:{purpose.pk}" if purpose else whom


def whom(sent: str) -> str:
    """For whom the catalog was, of what the form sends back."""
    return sent.partition(":")[0]


def catalog(form: RequestForm, words: str | None, suggestions: Mapping[UUID, str]) -> Catalog:
    """What matches the words, and first of all what is ticked whatever the words: a search drops no choice.

    Where nothing is searched for, what is suggested comes next. Words that can't be read match nothing.
    """
    chosen = form.chosen()
    why = suggestions if words == "" else {}
    found = form.offered(words or "").exclude(pk__in=[row.pk for row in chosen])
    if words is None:
        found = found.none()
    first = list(found.filter(pk__in=why)) if why else []
    rest = list(found.exclude(pk__in=why)[: MOST_SHOWN + 1])
    rows = [
        *(_offer(row, checked=True) for row in chosen),
        *(_offer(row, why=why[row.pk]) for row in first),
        *(_offer(row) for row in rest[:MOST_SHOWN]),
    ]
    empty = "Nothing in the catalog matches." if form.holders else "Say for whom: what they could hold is shown here."
    return Catalog(rows, _note(form, more=len(rest) > MOST_SHOWN), holder(form), empty)


def suggested(form: RequestForm, actor: Actor, now: datetime) -> Mapping[UUID, str]:
    """Which entitlements and bundles the one holder may want, by their keys, and why; of several nothing is said."""
    if len(form.holders) != 1:
        return {}
    found = suggesting.suggestions(form.holders[0], form.offered_bundles, actor, now)
    of_bundles = {one.bundle.version.bundle_id: one.why for one in found if one.bundle}
    return of_bundles | {one.entitlement.pk: one.why for one in found if one.entitlement}


def _note(form: RequestForm, *, more: bool) -> str:
    """On what is not shown."""
    purpose = form.under()
    under = f"Shown is what {purpose.reference} may justify, without what you see held for it." if purpose else ""
    first = f"The first {MOST_SHOWN} are shown. Search to narrow them down." if more else ""
    return " ".join(filter(None, (under, first)))


def _offer(row: Entitlement, *, checked: bool = False, why: str = "") -> Offer:
    system = row.system.name
    return Offer(str(row.pk), row.name, row.description, system, row.risk, row.longest_lease, checked, why)


def lease(form: RequestForm, actor: Actor, now: datetime) -> Lease:
    """The draft as far as the form goes; asked of policy once it is whole. Stores nothing."""
    if not form.is_bound:
        return Lease()
    if not form.is_valid():
        return _unfinished(form)
    try:
        proposals = actions.preview_all(drafts=form.drafts(), actor=actor, now=now)
    except Invalid as refusal:
        return replace(_unfinished(form), tone="bad", headline=NOT_SO, wrong=list(refusal.fields.values()))
    return _judged(proposals, refusals(proposals, now), now)


def _unfinished(form: RequestForm) -> Lease:
    missing = [words for name, words in STILL_OPEN.items() if name in form.errors and not form.data.get(name)]
    wrong = [text for name, errors in form.errors.items() if form.data.get(name) for text in map(str, errors)]
    headline = f"Still open: {', '.join(dict.fromkeys(missing))}." if missing else ""
    given: Mapping[str, Any] = form.cleaned_data
    purpose = given.get("purpose")
    return Lease(
        holder=_names(form.holders),
        items=_items(form.chosen()),
        purpose=purpose.name if purpose else None,
        headline=headline,
        wrong=wrong,
    )


def _items(entitlements: Iterable[Entitlement]) -> list[Item]:
    return [Item(row.name, row.system.name) for row in entitlements]


def _names(holders: Sequence[Identity]) -> str | None:
    return present.all_of([holder.name for holder in holders]) or None


def _judged(proposals: Sequence[Proposal], wrong: Mapping[str, str], now: datetime) -> Lease:
    first, draft = proposals[0], proposals[0].draft
    verdicts = [verdict for proposal in proposals for _, verdict in proposal.verdicts]
    denied = bool(wrong) or not all(verdict.allowed for verdict in verdicts)
    tightest = min(verdicts, key=lambda verdict: verdict.latest_end, default=None)
    said = _headline(proposals, len(wrong), denied=denied)
    return Lease(
        holder=_names([proposal.beneficiary for proposal in proposals]),
        items=_items(_wanted(proposals)),
        outcomes=_outcomes(proposals) if len(proposals) > 1 else (),
        starts_at=draft.starts_at,
        purpose=first.purpose.name,
        asked=draft.length(now),
        ends_at=draft.until,
        about=_about(draft.begins(now), draft.term) if draft.term and not denied and not draft.starts_at else "",
        cap=tightest.latest_end - tightest.start if tightest else None,
        cap_why=tightest.binding.text if tightest else "",
        tone="bad" if denied else "ok",
        headline=said[0],
        headline_more=said[1],
        routes=[] if denied else _routes(proposals, now),
        reasons=_reasons(verdicts),
        risks=_risks(proposals),
        wrong=list(wrong.values()),
    )


def _wanted(proposals: Iterable[Proposal]) -> list[Entitlement]:
    """Every item of any of them, once."""
    return list({row.pk: row for proposal in proposals for row, _ in proposal.verdicts}.values())


def _outcomes(proposals: Iterable[Proposal]) -> list[Outcome]:
    """What policy would say, holder by holder and item by item."""
    return [
        Outcome(proposal.beneficiary.name, row.name, *_outcome(proposal, row, verdict))
        for proposal in proposals
        for row, verdict in proposal.verdicts
    ]


def _outcome(proposal: Proposal, row: Entitlement, verdict: Verdict) -> tuple[str, str]:
    if row.pk in proposal.moot:
        return "bad", proposal.moot[row.pk]
    if not verdict.allowed:
        return "bad", verdict.why
    steps = len(verdict.steps)
    return (
        "ok",
        "Nobody has to decide." if not steps else f"{present.number(steps)} approval{'s' if steps > 1 else ''}.",
    )


def _headline(proposals: Sequence[Proposal], wrong: int, *, denied: bool) -> tuple[str, str]:
    if wrong:
        return NOT_SO, "What is in the way is said below."
    verdicts = [pair for proposal in proposals for pair in proposal.verdicts]
    if denied:
        return _denial(verdicts)
    steps = max(len(verdict.steps) for _, verdict in verdicts)
    if not steps:
        return "Policy allows this.", "Nobody has to decide."
    each = " for each item" if len(verdicts) > 1 else ""
    most = "at most " if any(len(verdict.steps) < steps for _, verdict in verdicts) else ""
    noun = f"approval{'' if steps == 1 else 's'}"
    return "Policy allows this", f"with {most}{present.number(steps).lower()} {noun}{each}."


def _denial(verdicts: Sequence[tuple[Entitlement, Verdict]]) -> tuple[str, str]:
    """What policy denies, by name where it allows the rest."""
    denied = [entitlement.name for entitlement, verdict in verdicts if not verdict.allowed]
    if len(denied) == len(verdicts):
        return "Policy denies this.", "Why is said below."
    names = list(dict.fromkeys(denied))
    return f"Policy denies {present.all_of(names)}.", "It allows the rest. Why is said below."


def _routes(proposals: Sequence[Proposal], now: datetime) -> list[Route]:
    """Who would be asked, item by item: their routes run beside one another."""
    routes: dict[str, list[Step]] = {}
    for proposal in proposals:
        for one in actions.foreseen(proposal, now):
            routes.setdefault(_called(one.entitlement, proposal, proposals), []).append(_step(one))
    return [Route(name, steps) for name, steps in routes.items()]


def _called(row: Entitlement, proposal: Proposal, proposals: Sequence[Proposal]) -> str:
    """An item by its name where there are several, and by its holder's where there are several of those."""
    names = [row.name] if len(proposal.verdicts) > 1 or len(proposals) > 1 else []
    return ", ".join([*names, proposal.beneficiary.name] if len(proposals) > 1 else names)


def _step(one: Foreseen) -> Step:
    who = " or ".join(one.names) or "nobody can be asked yet"
    return Step(StepState.WAITING, StepKind(one.plan.kind).label, who)


def _risks(proposals: Sequence[Proposal]) -> list[Assessment]:
    """How risky each item is, by name where there are several."""
    return [
        present.assessment(asdict(verdict.facts.risk), verdict.cadence, _called(entitlement, proposal, proposals))
        for proposal in proposals
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
