"""Whether a route that a rule asks for can be answered by those whom it names, as things are when it is written.

Where it can't, steps would go to fallbacks or expire. Nobody gets access by that, and nobody wants it either.
"""

from collections.abc import Iterator
from datetime import datetime

from governance.identities.models import Identity, Team
from governance.identities.queries import SECURITY_TEAM, members
from governance.policy.consequences import Consequence, StepSpec
from governance.policy.criteria import meeting
from governance.policy.states import StepKind


def unreachable(consequence: Consequence, now: datetime) -> Iterator[str]:
    """What keeps each step from being answered by those whom it names, in words."""
    for step in consequence.steps:
        match step.kind:
            case StepKind.TEAM:
                yield from _too_few(step.team, f"Team {step.team}", step, now)
            case StepKind.SECURITY:
                yield from _too_few(SECURITY_TEAM, "Security", step, now)
            case StepKind.MANAGER if step.required > 1:
                yield f"Manager: a person has one, and {step.required} must agree. Ask for another step as well."


def _too_few(key: str, called: str, step: StepSpec, now: datetime) -> Iterator[str]:
    if not Team.objects.filter(key=key).exists():
        yield f"{called}: there is no such team."
        return
    people = [one.pk for one in members(key, now) if not one.is_machine]
    counting = frozenset(people)
    for criteria in step.counts:
        counting &= meeting(criteria, Identity.objects.filter(pk__in=people), now)
    if len(counting) < step.required:
        who = f"{len(counting)} of its {len(people)} active members count" if step.counts else f"{len(people)} active"
        yield f"{called}: {who}, and {step.required} must agree."
