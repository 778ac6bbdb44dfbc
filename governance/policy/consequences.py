"""What follows from a rule, as a value and as the JSON that a version keeps."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from governance.policy.states import CONSENTS, OF_RULES, Mode, OutcomeKind, StepKind
from governance.policy.words import length

LONGEST: Final = timedelta(days=3660)
"""The longest cap, and the longest time between two reviews."""

OF_A_STEP: Final = frozenset({"kind", "required", "everyone", "stage", "team", "when", "counts", "skip_repeat"})
LONGEST_BREAK_GLASS: Final = timedelta(hours=12)
"""Break-glass is for hours, whatever a rule says (rule 11)."""

KEYS: Final = frozenset(
    {"deny", "steps", "allow_without_human", "cap_seconds", "cadence_seconds", "break_glass_seconds"}
)
"""What the JSON form may say."""

MOST_APPROVERS: Final = 9
LAST_STAGE: Final = 20


class ConsequenceError(Exception):
    """A consequence that can't be read or makes no sense; the message says why."""


@dataclass(frozen=True, slots=True)
class StepSpec:
    """A step that has to be taken: whose decision it asks for, and how many of them must agree.

    `everyone` asks for all of them, however many they are. Steps of one `stage` are open side by side, stages follow
    one another; without one, each kind has its own. `team` is the key of the team that a step of that kind asks.

    `when` is a condition of the step's own: where it does not hold, the step is not taken. `counts` are criteria that
    whoever is asked must meet, all of them. `skip_repeat` lets the step be skipped where it would ask somebody who has
    approved another step of the route; otherwise somebody else is asked.
    """

    kind: StepKind
    required: int = 1
    everyone: bool = False
    stage: int = 0
    team: str = ""
    when: str = ""
    counts: tuple[str, ...] = ()
    skip_repeat: bool = False

    @property
    def place(self) -> tuple[int, int, str]:
        """Where it stands among others, the first first."""
        order = list(StepKind).index(self.kind) + 1
        return self.stage or order, order, self.team


@dataclass(frozen=True, slots=True)
class Consequence:
    """What follows where a rule applies; several may follow from one rule.

    `cap` is the longest lease counted from its start. `until` is the latest end whatever the start; only what the
    domain itself demands sets it. `cadence` is the longest time between two reviews of access that goes on.
    `break_glass` is for how long access may be taken at once in an emergency; of any other access it says nothing.
    """

    deny: bool = False
    steps: tuple[StepSpec, ...] = ()
    without_human: bool = False
    cap: timedelta | None = None
    until: datetime | None = None
    cadence: timedelta | None = None
    break_glass: timedelta | None = None

    @property
    def kinds(self) -> tuple[OutcomeKind, ...]:
        """What it consists of, the heaviest first."""
        present = {
            OutcomeKind.DENY: self.deny,
            OutcomeKind.REQUIRE_STEPS: bool(self.steps),
            OutcomeKind.ALLOW_WITHOUT_HUMAN: self.without_human,
            OutcomeKind.ALLOW_BREAK_GLASS: self.break_glass is not None,
            OutcomeKind.CAP_LEASE: self.cap is not None or self.until is not None,
            OutcomeKind.TIGHTEN_REVIEW: self.cadence is not None,
        }
        return tuple(kind for kind, there in present.items() if there)

    @property
    def covers(self) -> bool:
        """Whether it says if access may be had at all: a cap or a cadence alone does not."""
        return self.deny or self.without_human or bool(self.steps)

    def asked(self, *, break_glass: bool) -> "Consequence | None":
        """What follows for access that is, or is not, taken at once in an emergency; None where nothing does.

        How long break-glass lasts is a cap on it like any other.
        """
        if self.break_glass is None:
            return self
        if break_glass:
            return replace(self, cap=min(self.break_glass, self.cap or self.break_glass))
        rest = replace(self, break_glass=None)
        return rest if rest.kinds else None

    def in_mode(self, mode: Mode) -> "Consequence":
        """What follows where a rule that says this is in the mode.

        Where approval is required, a human takes the place of any yes or no of the rule's own: those whom its steps
        name, security where it names none. Its limits stay.
        """
        if mode != Mode.REQUIRE_APPROVAL:
            return self
        steps = self.steps or (StepSpec(StepKind.SECURITY),)
        return replace(self, deny=False, without_human=False, break_glass=None, steps=steps)


def union(steps: Iterable[StepSpec]) -> tuple[StepSpec, ...]:
    """Each kind and team once, in order: the largest number asked for, everyone where anybody asked for everyone.

    Of several stages the earliest holds, all criteria do, and a step is skipped only where nobody minds, so that rules
    which don't know each other can only make a route stricter. A condition of a step's own has been answered by then.
    """
    found: dict[tuple[StepKind, str], StepSpec] = {}
    for step in steps:
        known = found.get((step.kind, step.team), step)
        found[step.kind, step.team] = StepSpec(
            kind=step.kind,
            required=max(step.required, known.required),
            everyone=step.everyone or known.everyone,
            stage=min((stage for stage in (step.stage, known.stage) if stage), default=0),
            team=step.team,
            when=step.when,
            counts=tuple(sorted({*step.counts, *known.counts})),
            skip_repeat=step.skip_repeat and known.skip_repeat,
        )
    return tuple(sorted(found.values(), key=lambda step: step.place))


def written_step(step: StepSpec) -> dict[str, Any]:
    """The JSON form of a step: what it always has, and the rest where it differs from what goes without saying."""
    rest = {
        "everyone": step.everyone,
        "stage": step.stage,
        "team": step.team,
        "when": step.when,
        "counts": list(step.counts),
        "skip_repeat": step.skip_repeat,
    }
    return {"kind": str(step.kind), "required": step.required, **{name: said for name, said in rest.items() if said}}


def written(consequence: Consequence) -> dict[str, Any]:
    """The JSON form that `read` takes: only what is there, lengths of time in seconds."""
    value: dict[str, Any] = {}
    if consequence.deny:
        value["deny"] = True
    if consequence.steps:
        value["steps"] = [written_step(step) for step in consequence.steps]
    if consequence.without_human:
        value["allow_without_human"] = True
    if consequence.cap is not None:
        value["cap_seconds"] = int(consequence.cap.total_seconds())
    if consequence.cadence is not None:
        value["cadence_seconds"] = int(consequence.cadence.total_seconds())
    if consequence.break_glass is not None:
        value["break_glass_seconds"] = int(consequence.break_glass.total_seconds())
    return value


def read(value: object) -> Consequence:
    """What follows, from its JSON form. Raises ConsequenceError: what is not understood must not be passed over."""
    if not isinstance(value, Mapping):
        raise ConsequenceError('What follows is a JSON object, such as {"deny": true}.')
    if unknown := sorted(set(value) - KEYS):
        raise ConsequenceError(
            f"Nothing is called {unknown[0]}: a rule can deny, ask for steps, allow, cap, or tighten review."
        )
    return _sensible(
        Consequence(
            deny=_flag(value, "deny"),
            steps=_steps(value.get("steps", [])),
            without_human=_flag(value, "allow_without_human"),
            cap=_length(value.get("cap_seconds"), "A cap"),
            cadence=_length(value.get("cadence_seconds"), "A cadence of review"),
            break_glass=_length(value.get("break_glass_seconds"), "The time of break-glass", LONGEST_BREAK_GLASS),
        )
    )


def _sensible(consequence: Consequence) -> Consequence:
    if not consequence.kinds:
        raise ConsequenceError(
            "Something has to follow: deny, steps, allow_without_human, cap_seconds, cadence_seconds or"
            " break_glass_seconds."
        )
    if consequence.deny and len(consequence.kinds) > 1:
        raise ConsequenceError("A rule that denies can do nothing else.")
    if consequence.steps and consequence.without_human:
        raise ConsequenceError("A rule can't ask for steps and do without a human.")
    return consequence


def _flag(value: Mapping[str, Any], name: str) -> bool:
    flag = value.get(name, False)
    if not isinstance(flag, bool):
        raise ConsequenceError(f"{name} is true or false.")
    return flag


def _length(seconds: object, what: str, longest: timedelta = LONGEST) -> timedelta | None:
    if seconds is None:
        return None
    if type(seconds) is not int or not 0 < seconds <= longest.total_seconds():
        raise ConsequenceError(f"{what} is a whole number of seconds, more than none and at most {length(longest)}.")
    return timedelta(seconds=seconds)


def _steps(steps: object) -> tuple[StepSpec, ...]:
    if not isinstance(steps, list):
        raise ConsequenceError("Steps are a list.")
    found = [_step(step) for step in steps]
    if len({(step.kind, step.team) for step in found}) < len(found):
        raise ConsequenceError("Each kind of step, and each team, is asked for once.")
    return union(found)


def _step(step: object) -> StepSpec:
    if not isinstance(step, Mapping) or set(step) - OF_A_STEP:
        raise ConsequenceError('A step reads like {"kind": "manager", "required": 1}.')
    kind, required, stage = step.get("kind"), step.get("required", 1), step.get("stage", 0)
    if kind not in OF_RULES:
        raise ConsequenceError(f"There is no step called {kind}; there are {', '.join(OF_RULES)}.")
    if type(required) is not int or not 0 < required <= MOST_APPROVERS:
        raise ConsequenceError(f"A step needs between 1 and {MOST_APPROVERS} approvers.")
    if type(stage) is not int or not 0 <= stage <= LAST_STAGE:
        raise ConsequenceError(f"A stage is a number between 1 and {LAST_STAGE}.")
    skip = _flag(step, "skip_repeat")
    return StepSpec(
        StepKind(kind), required, _flag(step, "everyone"), stage, _team(step), _when(step), _counts(step), skip
    )


def _when(step: Mapping[str, Any]) -> str:
    when = step.get("when", "")
    if not isinstance(when, str):
        raise ConsequenceError('A step\'s own condition is a text: {"when": "request.term > duration(\'168h\')"}.')
    return when.strip()


def _counts(step: Mapping[str, Any]) -> tuple[str, ...]:
    """The criteria that whoever is asked must meet. A consent is for whoever answers for an identity to give."""
    counts = step.get("counts", [])
    if not isinstance(counts, list) or not all(isinstance(one, str) and one.strip() for one in counts):
        raise ConsequenceError('Who counts is a list of criteria: {"counts": ["identity.kind == \'person\'"]}.')
    if counts and step.get("kind") in CONSENTS:
        raise ConsequenceError("A consent is asked of whoever answers for the identity; criteria can't say who counts.")
    return tuple(sorted({one.strip() for one in counts}))


def _team(step: Mapping[str, Any]) -> str:
    """The team that a step of that kind asks; no other kind names one."""
    team = step.get("team", "")
    if not isinstance(team, str) or (step.get("kind") == StepKind.TEAM) != bool(team):
        raise ConsequenceError('A team\'s step names it, and no other does: {"kind": "team", "team": "ledger"}.')
    return team


def sentences(consequence: Consequence) -> list[str]:
    """What follows in words, a sentence each."""
    told = ["Access is denied."] if consequence.deny else []
    told += [f"{_who(step)}{_how(step)}." for step in consequence.steps]
    told += ["Nobody has to decide."] if consequence.without_human else []
    told += [f"A lease lasts at most {length(consequence.cap)}."] if consequence.cap is not None else []
    glass = consequence.break_glass
    told += [f"In an emergency it may be taken at once, for at most {length(glass)}."] if glass is not None else []
    cadence = consequence.cadence
    return [*told, f"Access is reviewed at least every {length(cadence)}."] if cadence is not None else told


def _who(step: StepSpec) -> str:
    who = f"Team {step.team}" if step.kind == StepKind.TEAM else str(step.kind.label)
    if step.everyone:
        return f"{who} decides, all of them"
    return f"{who} decides" if step.required == 1 else f"{who} decides, {step.required} of them"


def _how(step: StepSpec) -> str:
    """What is said of a step besides whose decision it is."""
    said = {
        f", at stage {step.stage}": step.stage,
        f", where {step.when}": step.when,
        f", counting those of whom is true: {' and '.join(step.counts)}": step.counts,
        ", skipped where they have approved another step": step.skip_repeat,
    }
    return "".join(words for words, there in said.items() if there)
