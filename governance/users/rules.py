"""How strong a sign-in is, as an authenticator assurance level (NIST SP 800-63B). Pure: records in, a level out."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

NONE: Final = 0
ONE_FACTOR: Final = 1
TWO_FACTORS: Final = 2

METHODS: Final[Mapping[tuple[str, str], int]] = {
    ("password", ""): ONE_FACTOR,
    ("mfa", "totp"): TWO_FACTORS,  # asked for after the sign-in itself, so it is the second factor
    ("mfa", "webauthn"): TWO_FACTORS,  # possession, and the authenticator has verified its user
    ("mfa", "recovery_codes"): NONE,  # lets somebody in beside their password, and signs nothing
}
"""The level that each way of signing in gives; a way that is not listed gives none."""


KNOWN: Final = frozenset({"pwd", "pin", "kba"})
HELD: Final = frozenset({"otp", "hwk", "swk", "sc", "pop"})
BORN: Final = frozenset({"face", "fpt", "iris", "retina", "vbm"})
"""What the values of the claim `amr` prove (RFC 8176): something known, held, or part of oneself. A message or a call
to a telephone (`sms`, `tel`) proves nothing here: numbers are taken over too easily."""


@dataclass(frozen=True, slots=True)
class Strength:
    """What a session has proven: its level, and when that was last proven, None when nobody knows."""

    level: int
    at: datetime | None


UNPROVEN: Final = Strength(NONE, None)


def strength(records: Iterable[Mapping[str, Any]]) -> Strength:
    """The strongest of a session's authentications, the latest of equals.

    `records` are those of allauth: `method`, `type` where there is one, and `at` in seconds since 1970.
    """
    return strongest(Strength(_level(record), _moment(record)) for record in records)


def claimed_level(acr: str, amr: Collection[str], two_factors: Collection[str]) -> int:
    """The level of a sign-in at an OpenID provider, from its claims; one factor where they say nothing.

    Two factors are `acr` among the values that were configured to mean them, or `amr` with `mfa` or with ways of two
    kinds.
    """
    kinds = sum(not kind.isdisjoint(amr) for kind in (KNOWN, HELD, BORN))
    return TWO_FACTORS if acr in two_factors or "mfa" in amr or kinds >= TWO_FACTORS else ONE_FACTOR


def strongest(proofs: Iterable[Strength]) -> Strength:
    """The highest level; of equal levels the one proven last."""
    return max(proofs, key=lambda proof: (proof.level, proof.at or datetime.min.replace(tzinfo=UTC)), default=UNPROVEN)


def _level(record: Mapping[str, Any]) -> int:
    return METHODS.get((str(record.get("method")), str(record.get("type", ""))), NONE)


def _moment(record: Mapping[str, Any]) -> datetime | None:
    at = record.get("at")
    return datetime.fromtimestamp(at, UTC) if isinstance(at, int | float) else None
