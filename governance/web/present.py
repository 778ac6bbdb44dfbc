"""Words and shapes that more than one area shows."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.urls import reverse

from governance.approvals.handing_on import IN_PLACE
from governance.approvals.models import ApprovalStep, StepApprover
from governance.approvals.states import RouteState, StepState
from governance.catalog.states import Risk
from governance.core.actor import Actor
from governance.grants.models import Grant
from governance.grants.states import STANDING, STANDS_ON, GrantState
from governance.identities.models import Identity
from governance.identities.states import Kind
from governance.policy import permissions as rules
from governance.policy.models import PolicyDecision
from governance.policy.risk import explained
from governance.policy.states import BITES, Mode, OutcomeKind, StepKind
from governance.purposes.models import Purpose
from governance.templatetags.leasehold import duration
from governance.web.shapes import Assessment, Comment, Named, Policy, Reason, Step, Talk, Who

NUMBERS = ("No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten")
BUILT_IN = "built-in"


def who(identity: Identity, two: str | None = None) -> Who:
    """An identity as a line shows it."""
    return Who(identity.name, identity.kind, None, two)


def kind_name(identity: Identity) -> str:
    """The identity and what kind it is: "svc-sync, service account"."""
    return f"{identity.name}, {Kind(identity.kind).label}"


def number(count: int) -> str:
    """A small number as a word that begins a sentence, a larger one in figures."""
    return NUMBERS[count] if count < len(NUMBERS) else f"{count:,}"


def counted(count: int, noun: str, plural: str = "") -> str:
    """A number with its noun: "1 grant", "3 grants"; `plural` where that is not the noun with an s."""
    return f"{count:,} {noun if count == 1 else plural or f'{noun}s'}"


def any_of(names: Sequence[str]) -> str:
    """A choice of names: "Ines Okafor or Yusuf Demir"."""
    return " or ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)


def all_of(names: Sequence[str]) -> str:
    """A list of names: "Post journals and Read audit export"."""
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)


def on_day(moment: datetime) -> str:
    """The day in UTC: "9 Nov 2026"."""
    at = moment.astimezone(UTC)
    return f"{at.day} {at:%b %Y}"


def at_minute(moment: datetime) -> str:
    """Day and minute in UTC: "9 Nov 2026 16:40"."""
    return f"{on_day(moment)} {moment.astimezone(UTC):%H:%M}"


def heaviest(risks: Iterable[str]) -> str:
    """The highest of the risks."""
    order = list(Risk)
    return max(risks, key=lambda risk: order.index(Risk(risk)))


def purpose(row: Purpose) -> Named:
    """A purpose with its reference and how long it holds."""
    if row.ends_at:
        return Named(row.name, f"{row.reference}, ends {on_day(row.ends_at)}")
    until = f", review due {on_day(row.review_at)}" if row.review_at else ""
    return Named(row.name, f"{row.reference}{until}")


def shown_state(grant: Grant, now: datetime) -> str:
    """The grant's state as a page says it.

    *Ended* from the end on, whether or not a worker has run (rule 4); *supported* where the grant is over and its
    access stands on other leases.
    """
    if grant.state == GrantState.REVOKED and grant.state_reason.startswith(STANDS_ON):
        return "supported"
    return "ended" if grant.state in STANDING and grant.ends_at <= now else grant.state


def readable_rules(decisions: Iterable[PolicyDecision], actor: Actor, now: datetime) -> frozenset[str]:
    """The keys of those rules of the decisions that the actor may read; one query at most."""
    keys = {said["rule"] for decision in decisions for said in decision.reasons} - {BUILT_IN}
    if actor.has(*rules.SEES_ALL) or not keys:
        return frozenset(keys)
    return frozenset(rules.visible(actor, now).filter(key__in=keys).values_list("key", flat=True))


def policy(decision: PolicyDecision, name: str = "", readable: Collection[str] = ()) -> Policy:
    """A recorded decision in words, named after the item where there are several; `readable` rules are linked."""
    tone, words = policy_words(decision.allowed, [step["kind"] for step in decision.steps])
    risk = assessment(decision.risk, decision.cadence) if decision.risk else None
    return Policy(tone, words, [recorded_reason(said, readable) for said in decision.told], risk, name)


def assessment(risk: Mapping[str, Any], cadence: timedelta | None, name: str = "") -> Assessment:
    """Risk as a decision keeps it, with its factors in words: "production +15, AI agent +5"."""
    factors = ", ".join(f"{factor} +{weight}" for factor, weight in explained(risk))
    return Assessment(risk["tier"], risk["score"], factors, cadence, name)


def policy_words(allowed: bool, steps: Sequence[str]) -> tuple[str, str]:  # noqa: FBT001 - read with its values
    """Tone and words of a verdict with so many steps."""
    if not allowed:
        return "bad", "Denied"
    if not steps:
        return "ok", "Allowed, nobody has to decide"
    return "ok", f"Allowed with {number(len(steps)).lower()} approval{'' if len(steps) == 1 else 's'}"


REASON_MARKS: Mapping[str, tuple[str, str]] = {
    OutcomeKind.DENY: ("bad", "cross"),
    OutcomeKind.REQUIRE_STEPS: ("note", "pen"),
    OutcomeKind.ALLOW_WITHOUT_HUMAN: ("ok", "check"),
    OutcomeKind.ALLOW_BREAK_GLASS: ("warn", "alert"),
    OutcomeKind.CAP_LEASE: ("", "clock"),
    OutcomeKind.TIGHTEN_REVIEW: ("", "eye"),
}
WARNING = ("warn", "alert")

MODES: Mapping[str, str] = {
    Mode.RECORD: "Recorded only",
    Mode.WARN: "Warning",
    Mode.REQUIRE_APPROVAL: "Requires approval",
    Mode.BLOCK: "",
}
"""What is said of a reason besides its words, by the mode of its rule."""


def recorded_reason(said: Mapping[str, Any], readable: Collection[str] = ()) -> Reason:
    """A reason as a decision keeps it, with the version that said it where its rule is readable."""
    mode = said.get("mode", Mode.BLOCK)
    found = reason(said["outcome"], said["text"], said["rule"], said["version"], mode)
    return replace(found, url=version_url(said)) if said["rule"] in readable else found


def version_url(said: Mapping[str, Any]) -> str:
    """The page of the version that gave a reason."""
    return reverse("rule-version", args=[said["rule"], said["version"]])


def reason(outcome: str, text: str, rule: str, version: int, mode: str) -> Reason:
    """A reason with the mark of what follows from it; the domain's own rules have no number."""
    tone, icon = REASON_MARKS[outcome] if mode in BITES else WARNING
    named = "" if rule == BUILT_IN else rule
    return Reason(tone, icon, text, named, version if named else None, MODES[mode])


def step(row: ApprovalStep, actor: Actor) -> Step:
    """A step of a route; needs `approvers` and `decisions` prefetched, each with its identity."""
    role = f"{row.get_kind_display()}'s consent" if row.consents else row.get_kind_display()
    return Step(row.state, role, _asked(row, actor), _when(row), _note(row))


def talk(steps: Sequence[ApprovalStep], parties: Sequence[UUID], actor: Actor) -> Talk:
    """What was said about a route, whose subject's parties may say something too; needs `approvers` prefetched.

    The first of the parties is whoever asked: they remind those who decide.
    """
    route = steps[0].route
    concerned = {
        *parties,
        *(pk for step in steps for one in step.approvers.all() for pk in (one.identity_id, one.on_behalf_of_id)),
    }
    may = route.state == RouteState.OPEN and concerned & actor.identity_ids
    said = route.comments.select_related("author").order_by("at", "pk")
    comments = [Comment(called(one.author, actor), one.text, one.at) for one in said]
    asked = any(step.state == StepState.OPEN for step in steps) and parties[0] in actor.identity_ids
    remind = reverse("route-remind", args=[route.pk]) if may and asked else ""
    return Talk(comments, reverse("route-comment", args=[route.pk]) if may else "", remind)


def called(identity: Identity, actor: Actor) -> str:
    """What the visitor reads for somebody: "You" for themselves."""
    return "You" if identity.pk in actor.identity_ids else identity.name


def _asked(row: ApprovalStep, actor: Actor) -> str:
    decided = [d.by for d in row.decisions.all() if d.decider and d.verdict != "return"]
    if decided and row.state != StepState.OPEN:
        return all_of(decided)
    asked = [a for a in row.approvers.all() if a.ends_at is None]
    names = [_who_is_asked(a, actor) for a in asked]
    if not names and row.state == StepState.OPEN:
        return "nobody is eligible"
    wanted = sorted(names, key=lambda name: (name.partition(" for ")[0] != "you", name))
    others = all_of(wanted) if row.everyone else _so_many(row.required - len(decided), wanted)
    return f"{all_of(decided)}, and {others}" if decided and names else others


def _who_is_asked(asked: StepApprover, actor: Actor) -> str:
    """And in whose place: "Ann for Ben", "you"."""
    name = "you" if asked.identity_id in actor.identity_ids else asked.identity.name
    return f"{name} for {asked.on_behalf_of.name}" if asked.on_behalf_of else name


def _so_many(number_: int, names: Sequence[str]) -> str:
    """How many of the names: "Ann or Ben", "two of Ann, Ben and Cem"."""
    return any_of(names) if number_ <= 1 else f"{number(number_).lower()} of {all_of(names)}"


def _when(row: ApprovalStep) -> str:
    if row.closed_at:
        return at_minute(row.closed_at)
    return f"due {at_minute(row.due_at)}" if row.due_at else ""


def _note(row: ApprovalStep) -> str:
    if row.state_reason:
        return row.state_reason
    asked = [a for a in row.approvers.all() if a.ends_at is None]
    if asked and asked[0].fallback:
        return f"{asked[0].via}, because nobody else is eligible"
    handed = dict.fromkeys(one.via for one in asked if one.via.startswith(IN_PLACE))
    parts = (_of(row), *handed, _counting(row), _beside(row), _escalated(row), *_said(row))
    return "; ".join(part for part in parts if part)


def _counting(row: ApprovalStep) -> str:
    """The criteria that whoever is asked meets, if there are any."""
    return f"Only those count of whom is true: {' and '.join(row.counts)}" if row.counts else ""


def _escalated(row: ApprovalStep) -> str:
    """That others were brought in."""
    return f"Others are asked as well since {at_minute(row.escalated_at)}" if row.escalated_at else ""


def _said(row: ApprovalStep) -> Iterable[str]:
    """To how much those who said yes said it, and where else they have written it down."""
    for one in row.decisions.all():
        if one.term:
            yield f"for {duration(one.term)} at most"
        if one.until:
            yield f"until {at_minute(one.until)} at most"
        if one.ticket:
            yield f"ticket {one.ticket}"


def _beside(row: ApprovalStep) -> str:
    """That it is open at the same time as others of its route."""
    return "Beside the others of its stage" if row.stage != row.position and row.state == StepState.OPEN else ""


def _of(row: ApprovalStep) -> str:
    """Whose manager or of what owner the step asks: "Manager of Lena Fischer"; nothing for security."""
    if row.kind == StepKind.SECURITY or not row.target_label:
        return ""
    return f"{'Manager' if row.kind == StepKind.MANAGER else 'Owner'} of {row.target_label}"


def soon(moment: datetime, now: datetime) -> str:
    """When something ends, as people say it: "in 7 h", "in 3 days", "on 12 Dec 2026"."""
    left = moment - now
    if left < timedelta(days=1):
        return f"in {duration(left)}"
    return f"in {duration(left)}" if timedelta(days=2) <= left < timedelta(days=14) else f"on {on_day(moment)}"
