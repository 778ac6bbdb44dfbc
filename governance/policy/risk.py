"""How risky an access is: one score, the sum of named factors, and the tier that follows from it. Pure.

The weights stand here and nowhere else, and docs/policy.md shows them. A factor of a kind that is none of the known
ones weighs as the heaviest (rule 15). The tier of an access is never below the entitlement's own risk.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from operator import attrgetter
from typing import Annotated, Any, Final

from governance.catalog.states import Risk
from governance.identities.states import Environment, Kind


@dataclass(frozen=True, slots=True)
class RiskFacts:
    """How risky it would be, by the factors of docs/policy.md."""

    score: Annotated[int, "The sum of the weights of all factors that are present"]
    tier: Annotated[str, "`low`, `moderate`, `high` or `critical`, by the score"]
    factors: Annotated[tuple[str, ...], "The factors that are present, by name"]
    weights: Annotated[tuple[int, ...], "What each of them weighs, in the same order"]


@dataclass(frozen=True, slots=True)
class Factor:
    """What makes an access riskier: that a fact is among `values`, or with `but` that it is none of them.

    With `beyond` it is that a length of time is longer.
    """

    name: str
    weight: int
    fact: str
    values: tuple[Any, ...] = ()
    but: bool = False
    beyond: timedelta | None = None

    def present(self, value: Any) -> bool:
        """Whether the factor is there, where its fact has the value."""
        if self.beyond is not None:
            return bool(value > self.beyond)
        return (value in self.values) != self.but


FACTORS: Final = (
    Factor("entitlement of moderate risk", 20, "entitlement.risk", (Risk.MODERATE,)),
    Factor("entitlement of high risk", 70, "entitlement.risk", (Risk.HIGH,)),
    Factor("entitlement of critical risk", 110, "entitlement.risk", (Risk.LOW, Risk.MODERATE, Risk.HIGH), but=True),
    Factor("privileged", 15, "entitlement.privileged", (True,)),
    Factor("production", 15, "system.environment", (Environment.DEVELOPMENT, Environment.TEST), but=True),
    Factor("system of high risk", 5, "system.risk", (Risk.HIGH,)),
    Factor("system of critical risk", 10, "system.risk", (Risk.LOW, Risk.MODERATE, Risk.HIGH), but=True),
    Factor("external", 5, "identity.kind", (Kind.EXTERNAL,)),
    Factor("AI agent", 5, "identity.kind", (Kind.AGENT,)),
    Factor("emergency", 10, "purpose.emergency", (True,)),
    Factor("long lease", 5, "request.term", beyond=timedelta(days=90)),
    Factor("other privileged access", 5, "access.privileged", (True,)),
)

TIERS: Final[Mapping[Risk, int]] = {Risk.CRITICAL: 110, Risk.HIGH: 70, Risk.MODERATE: 15, Risk.LOW: 0}
"""The score from which each tier begins, the heaviest first."""


def assessed(facts: Any) -> RiskFacts:
    """The risk of an access, from all its other facts."""
    found = [factor for factor, value in _VALUES if factor.present(value(facts))]
    score = sum(factor.weight for factor in found)
    return RiskFacts(
        score=score,
        tier=_tier(score),
        factors=tuple(factor.name for factor in found),
        weights=tuple(factor.weight for factor in found),
    )


_VALUES = tuple((factor, attrgetter(factor.fact)) for factor in FACTORS)


def discreet(risk: Mapping[str, Any]) -> dict[str, Any]:
    """Risk as a decision keeps it, without what the identity holds besides, for whoever may not see that."""
    of_access = {factor.name for factor in FACTORS if factor.fact.startswith("access.")}
    left = [(name, weight) for name, weight in explained(risk) if name not in of_access]
    score = sum(weight for _, weight in left)
    names, weights = [name for name, _ in left], [weight for _, weight in left]
    return {"score": score, "tier": _tier(score), "factors": names, "weights": weights}


def _tier(score: int) -> str:
    return next(tier for tier, least in TIERS.items() if score >= least).value


def explained(risk: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    """Name and weight of each factor, from risk as a decision keeps it among its facts."""
    names: Iterable[str] = risk["factors"]
    return zip(names, risk["weights"], strict=True)
