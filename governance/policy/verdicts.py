"""A verdict and the reasons it is made of: values, to be shown, compared and kept."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from governance.policy.consequences import Consequence, StepSpec
from governance.policy.facts import Facts
from governance.policy.states import BITES, Mode, OutcomeKind

BUILT_IN: Final = "built-in"
"""The key of reasons that come from the domain's own rules, which nobody can edit."""


def apart(rule_key: str) -> str:
    """What a rule of separation says to whoever may not see what it keeps apart."""
    return f"{rule_key} keeps this apart from other access."


@dataclass(frozen=True, slots=True)
class Reason:
    """What one rule says of the facts, in words that a requester can read.

    `consequence` is what follows in the rule's mode; in those that don't bite, what would follow if it did. `defect` is
    empty unless the rule is broken, and then says how, for its owner: to a requester it means nothing.
    """

    rule_key: str
    version: int
    consequence: Consequence
    text: str
    priority: int = 0
    defect: str = ""
    mode: Mode = Mode.BLOCK

    @property
    def bites(self) -> bool:
        """Whether it takes part in the outcome."""
        return self.mode in BITES

    @property
    def denies(self) -> bool:
        """Whether access is denied because of it."""
        return self.bites and self.consequence.deny

    @property
    def covers(self) -> bool:
        """Whether it says if access may be had at all. A rule that requires approval never allows by itself."""
        return self.denies or (self.mode == Mode.BLOCK and self.consequence.covers)

    @property
    def breaks_glass(self) -> bool:
        """Whether it allows that access is taken at once in an emergency. Only a rule that is in force in full does."""
        return self.mode == Mode.BLOCK and self.consequence.break_glass is not None

    @property
    def outcome(self) -> OutcomeKind:
        """The heaviest thing that follows."""
        return self.consequence.kinds[0]

    @property
    def built_in(self) -> bool:
        """Whether it comes from the domain's own rules."""
        return self.rule_key == BUILT_IN

    @property
    def broken(self) -> bool:
        """Whether the rule could not be evaluated, which denies if it bites."""
        return self.defect != ""

    def limit(self, start: datetime) -> datetime | None:
        """The latest end that it leaves to a lease that begins at `start`, or None if it sets no limit."""
        if not self.bites:
            return None
        cap, until = self.consequence.cap, self.consequence.until
        ends = [end for end in (start + cap if cap is not None else None, until) if end is not None]
        return min(ends, default=None)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What policy says of `facts`, why, and by which versions.

    `cap` is the longest lease from its start, `ends_by` the latest end whatever the start, `latest_end` what both leave
    to a lease that begins at `start`. `steps` are those to be taken in this order, none where access is denied.
    `cadence` is the longest time between two reviews of access that goes on. `reasons` begin with those that bite.
    `rule_versions` names every rule that was in force, whether or not it applied.
    """

    facts: Facts
    allowed: bool
    steps: tuple[StepSpec, ...]
    cap: timedelta
    ends_by: datetime
    cadence: timedelta
    reasons: tuple[Reason, ...]
    rule_versions: tuple[tuple[str, int], ...]

    @property
    def needs_human(self) -> bool:
        """Whether somebody has to decide before access is granted."""
        return bool(self.steps)

    @property
    def start(self) -> datetime:
        """When the lease is to begin: at the moment of the verdict, unless it is asked for later."""
        return self.facts.now + self.facts.request.ahead

    @property
    def latest_end(self) -> datetime:
        """The latest end of the lease; caps are measured from its start."""
        return min(self.start + self.cap, self.ends_by)

    @property
    def binding(self) -> Reason:
        """The reason why the latest end is not later."""
        start = self.start
        limits = [(limit, reason) for reason in self.reasons if (limit := reason.limit(start)) is not None]
        return min(limits, key=lambda pair: pair[0])[1]

    @property
    def denials(self) -> tuple[Reason, ...]:
        """Why access is denied; empty if it is not."""
        return tuple(reason for reason in self.reasons if reason.denies)

    @property
    def told(self) -> tuple[Reason, ...]:
        """The reasons for requester and approvers: all but those that are only recorded."""
        return tuple(reason for reason in self.reasons if reason.mode != Mode.RECORD)

    @property
    def why(self) -> str:
        """Why, in words: all denials, or else what the rules say that speak for it.

        It goes on record for all who see the request: where somebody asked for another, it names nothing they hold.
        """
        said = self if self.facts.request.for_self else self.discreet
        speaking = (one for one in said.reasons if one.bites and (one.consequence.covers or one.breaks_glass))
        return " ".join(reason.text for reason in said.denials or speaking)

    @property
    def discreet(self) -> "Verdict":
        """The same for whoever may not see what the identity holds.

        Separation is named by its rules alone, and risk is that of the access by itself. What a rule of policy says in
        its own words stays as it is.
        """
        access, separation = self.facts.access, self.facts.separation
        telling = {*separation.reasons, *separation.mitigations}
        reasons = tuple(replace(one, text=apart(one.rule_key)) if one.text in telling else one for one in self.reasons)
        facts = replace(self.facts, access=replace(access, privileged=False))
        return replace(self, facts=facts, reasons=reasons)

    def end(self, start: datetime, term: timedelta) -> datetime:
        """When a lease of the length `term` ends if it begins at `start`."""
        return min(start + min(term, self.cap), self.ends_by)
