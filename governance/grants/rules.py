"""Whether what was approved may still begin, how long something has been held, when to remind. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from governance.core.subjects import Unbroken
from governance.grants.states import GrantState
from governance.policy.consequences import StepSpec
from governance.policy.states import StepKind
from governance.policy.verdicts import Verdict
from governance.policy.words import minute


def refusal_at_activation(
    verdict: Verdict,
    approved_steps: Sequence[Mapping[str, Any]],
    *,
    owner_acts: bool,
    latest_end: datetime,
) -> str | None:
    """Why the lease may not begin with the facts of this moment, in words, or None when it may (rules 1, 3).

    `approved_steps` are those the submission's decision asked for, in its JSON form: a step that policy asks for
    only now was approved by nobody. `latest_end` is the end that the grant has carried so far.
    """
    if latest_end <= verdict.facts.now:
        return f"The time to begin it passed on {minute(latest_end)}."
    if verdict.denials:
        return verdict.why
    if not owner_acts:
        return "Nobody active answers for the purpose any more."
    approved = {(step["kind"], step.get("team", "")): step for step in approved_steps}
    missing = [step.kind for step in verdict.steps if _is_more(step, approved.get((step.kind, step.team)))]
    if missing:
        steps = ", ".join(StepKind(kind).label.lower() for kind in missing)
        return f"Policy now also asks for: {steps}."
    return None


def _is_more(wanted: StepSpec, had: Mapping[str, Any] | None) -> bool:
    """Whether a step asks for more than the one that was taken, if one was."""
    if had is None:
        return True
    more_people = wanted.required > had["required"] or (wanted.everyone and not had.get("everyone", False))
    others = not set(wanted.counts) <= set(had.get("counts", []))
    return more_people or others or (had.get("skip_repeat", False) and not wanted.skip_repeat)


ACTIVATION_WINDOW = timedelta(days=7)
"""How long an approved grant may wait for its activation before its term would have to be asked for again."""


def in_words(starts_at: datetime, ends_at: datetime, now: datetime) -> str:
    """The time of a lease as a sentence says it: "until 30 Jun 2027 18:00 UTC", and from when, if it begins later."""
    until = f"until {minute(ends_at)}"
    return f"from {minute(starts_at)} {until}" if starts_at > now else until


TIMED_AHEAD = timedelta(seconds=75)
"""Ends closer than this are timed to their exact moment; longer than the sweep's interval, so that none is missed."""


def narrowing_problem(starts_at: datetime, ends_at: datetime, until: datetime, now: datetime) -> str | None:
    """Why a lease can't end at the moment instead of at its end, in words, or None when it can."""
    if until >= ends_at:
        return f"It ends {minute(ends_at)}: an end only moves earlier. To hold it for longer, renew it."
    if until <= now:
        return "The end lies in the past. To give it up at once, hand it back."
    if until <= starts_at:
        return f"It begins {minute(starts_at)}. To give it up altogether, hand it back."
    return None


RENEWED_AHEAD = timedelta(minutes=2)
"""How long before it begins a renewal is started: it has to support the access when what it renews ends."""


def is_due(state: str, starts_at: datetime, now: datetime, *, renewal: bool) -> bool:
    """Whether a lease that waits may be started: one that is scheduled has its moment."""
    return state != GrantState.SCHEDULED or starts_at <= now + (RENEWED_AHEAD if renewal else timedelta())


def is_cut_short(renewed_end: datetime, starts_at: datetime, created_at: datetime) -> bool:
    """Whether what a renewal was to follow has come to an end before its time, so that the renewal never begins.

    One that was said yes to after that end begins at its yes: the end had come by itself, and moves no more.
    """
    return starts_at > created_at and renewed_end < starts_at


def unbroken(leases: Iterable[tuple[datetime, datetime]], now: datetime) -> Unbroken | None:
    """The hold that reaches to now, from leases `[starts_at, ends_at)` of one entitlement, whatever their purposes.

    Leases that overlap, or follow one another at the same moment, are one hold. None if it does not reach to now.
    """
    since, until, renewals = now, None, 0
    for starts_at, ends_at in sorted(leases):
        if until is None or starts_at > until:
            since, until, renewals = starts_at, ends_at, 0
        else:
            until, renewals = max(until, ends_at), renewals + 1
    return Unbroken(since, renewals) if until is not None and until >= now else None


@dataclass(frozen=True, slots=True)
class Reminder:
    """A word before the end: how long before, for leases that are at least so long."""

    name: str
    ahead: timedelta
    shortest_lease: timedelta

    @property
    def once(self) -> str:
        """Begins the mark by which a notification of it is known; the grant's id ends it."""
        return f"ends {self.name}:"


ENDED_ONCE = "ended:"
"""Begins the mark of the notification that a lease has ended; the grant's id ends it."""

REMINDERS = (
    Reminder("in 7 days", timedelta(days=7), timedelta(days=14)),
    Reminder("in a day", timedelta(days=1), timedelta(days=2)),
    Reminder("in 10 minutes", timedelta(minutes=10), timedelta(minutes=30)),
)
"""Nearer ones for shorter leases, so that nobody is reminded of what they asked for a moment ago."""
