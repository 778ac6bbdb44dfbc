"""What policy may know: every fact once, with its type and its meaning.

Conditions are type-checked against this declaration, reasons are filled in from it, decisions keep its values, and the
table in docs/policy.md is generated from it. A fact that is not declared here does not exist for policy.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from operator import attrgetter
from typing import Annotated, Any, get_type_hints
from uuid import UUID

from governance.policy.risk import RiskFacts, assessed


@dataclass(frozen=True, slots=True)
class IdentityFacts:
    """The identity that is to hold the access."""

    id: Annotated[UUID, "Its id in the portal"]
    name: Annotated[str, "Its name"]
    kind: Annotated[str, "`person`, `external`, `service_account`, `workload`, `api_client` or `agent`"]
    machine: Annotated[bool, "Whether it is a machine identity: any kind but `person` and `external`"]
    status: Annotated[str, "`expected`, `active`, `on_leave`, `suspended` or `ended`"]
    source: Annotated[str, "Where its record comes from: the name of the authoritative source"]
    external_key: Annotated[str, "Its key in that source"]
    canonical_identifier: Annotated[str, "What a machine identity is known by, such as a SPIFFE ID; empty for people"]
    department: Annotated[str, "Its department; empty if unknown"]
    title: Annotated[str, "Its job title; empty if unknown"]
    teams: Annotated[tuple[str, ...], "The keys of the teams that it belongs to now"]
    environment: Annotated[str, "`development`, `test` or `production`; empty for people"]
    owned: Annotated[bool, "Whether an active person answers for it now: its owner, or an external's sponsor"]
    owned_until: Annotated[datetime | None, "When that ownership or sponsorship ends"]
    ends_at: Annotated[datetime | None, "When the identity itself ends"]


@dataclass(frozen=True, slots=True)
class EntitlementFacts:
    """What is asked for."""

    id: Annotated[UUID, "Its id in the portal"]
    key: Annotated[str, "Its key in its system"]
    name: Annotated[str, "Its name"]
    state: Annotated[str, "`active` or `retired`"]
    risk: Annotated[str, "`low`, `moderate`, `high` or `critical`"]
    privileged: Annotated[bool, "Whether it gives privileged access"]
    longest_lease: Annotated[timedelta, "The longest lease the catalog permits"]
    review_cadence: Annotated[timedelta, "The longest time between two reviews of it, as the catalog says"]
    allowed_kinds: Annotated[tuple[str, ...], "The kinds of identity that may hold it"]
    confers: Annotated[tuple[str, ...], "What it confers, directly or through others, as `system/entitlement` keys"]
    confers_risk: Annotated[str, "The highest risk of what it confers; `low` where it confers nothing"]


@dataclass(frozen=True, slots=True)
class SystemFacts:
    """Where it would stand."""

    id: Annotated[UUID, "Its id in the portal"]
    key: Annotated[str, "Its key"]
    name: Annotated[str, "Its name"]
    state: Annotated[str, "`active` or `retired`"]
    environment: Annotated[str, "`development`, `test` or `production`"]
    risk: Annotated[str, "`low`, `moderate`, `high` or `critical`"]


@dataclass(frozen=True, slots=True)
class PurposeFacts:
    """What it would be for."""

    id: Annotated[UUID, "Its id in the portal"]
    reference: Annotated[str, "Its reference, such as `P-0164`"]
    name: Annotated[str, "Its name"]
    state: Annotated[str, "`proposed`, `approved`, `active`, `retiring`, `retired` or `rejected`"]
    emergency: Annotated[bool, "Whether it is an emergency"]
    justifies: Annotated[bool, "Whether it may justify this entitlement"]
    admits: Annotated[bool, "Whether it is for this identity: its criteria hold, or it has none"]
    ends_at: Annotated[datetime | None, "When it ends"]
    review_at: Annotated[datetime | None, "When it is due for review, which no lease on it outlasts"]


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """How it is asked for."""

    requester_id: Annotated[UUID, "The id of the identity that asks"]
    requester_kind: Annotated[str, "The kind of the identity that asks"]
    requester_department: Annotated[str, "The department of the identity that asks; empty if unknown"]
    by_machine: Annotated[bool, "Whether a machine identity asks"]
    for_self: Annotated[bool, "Whether the requester is the human who would hold the access"]
    break_glass: Annotated[bool, "Whether it is taken at once in an emergency, and decided on afterwards"]
    term: Annotated[timedelta, "The length of the lease that is asked for"]
    ahead: Annotated[timedelta, "How long after the decision it is to begin: nothing, unless it is asked for later"]
    bundle: Annotated[
        str,
        "The key of the bundle by which it is asked for: an active one that holds it, and whose criteria hold for this"
        " identity. Empty if there is none",
    ]


@dataclass(frozen=True, slots=True)
class AccessFacts:
    """What the identity has already."""

    entitlements: Annotated[
        tuple[str, ...], "What it holds now, as `system/entitlement` keys: wanted for it, or seen in the system"
    ]
    privileged: Annotated[bool, "Whether any of that, but for this entitlement, is privileged"]
    continuous_since: Annotated[
        datetime,
        "Since when it has held this entitlement without a break, over all purposes: leases that overlap or follow one"
        " another at once are one. The moment of the decision if it does not hold it",
    ]
    renewals: Annotated[int, "How many leases of this entitlement began in that time, after the first"]
    effective: Annotated[
        tuple[str, ...], "The same with all that it confers, for all identities of the same human, as keys"
    ]


@dataclass(frozen=True, slots=True)
class SeparationFacts:
    """What it would break of the separation of duties. Rules are named as `key/version`, and told in the same order."""

    breaks: Annotated[tuple[str, ...], "The rules that it would break, which no live mitigation covers"]
    reasons: Annotated[tuple[str, ...], "How it would break each of them"]
    mitigated: Annotated[tuple[str, ...], "The rules that it would break, and that a live mitigation covers"]
    mitigations: Annotated[tuple[str, ...], "How each of them is mitigated"]
    mitigated_until: Annotated[datetime | None, "When the first of those mitigations ends"]


@dataclass(frozen=True, slots=True)
class TimeFacts:
    """When it is decided, as rules about working hours ask."""

    hour: Annotated[int, "The hour of the decision in UTC, 0 to 23"]
    weekday: Annotated[int, "Its day of the week in UTC, 1 for Monday to 7 for Sunday"]


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything one decision rests on, as it was at `now`. The risk follows from the rest."""

    identity: IdentityFacts
    entitlement: EntitlementFacts
    system: SystemFacts
    purpose: PurposeFacts
    request: RequestFacts
    access: AccessFacts
    separation: SeparationFacts
    assurance: Annotated[int, "The requester's session: authenticator assurance level 1 to 3, or 0 for none"]
    now: Annotated[datetime, "The moment of the decision"]
    time: TimeFacts = field(init=False)
    risk: RiskFacts = field(init=False)

    def __post_init__(self) -> None:
        """Add what follows from the others, so that it can't be left out or contradict them."""
        at = self.now.astimezone(UTC)
        object.__setattr__(self, "time", TimeFacts(hour=at.hour, weekday=at.isoweekday()))
        object.__setattr__(self, "risk", assessed(self))


@dataclass(frozen=True, slots=True)
class Declaration:
    """One fact: the name that conditions use, its Python type, its meaning, and an example of its value."""

    name: str
    type: Any
    meaning: str
    example: Any


FAR_FUTURE = datetime(9999, 12, 31, tzinfo=UTC)
"""What a condition sees where there is no end: later than any time that it could be compared with."""


@cache
def declarations() -> tuple[Declaration, ...]:
    """Every fact, in the order of the declaration."""
    return tuple(_declared(Facts, ""))


def _declared(group: type, prefix: str) -> Iterator[Declaration]:
    hints = get_type_hints(group, include_extras=True)
    for one in fields(group):
        name, hint = prefix + one.name, hints[one.name]
        if is_dataclass(hint):
            yield from _declared(hint, f"{name}.")  # type: ignore[arg-type]  # the class, not an instance
        else:
            yield Declaration(name, hint.__origin__, hint.__metadata__[0], attrgetter(name)(EXAMPLE))


def flat(facts: Facts) -> dict[str, Any]:
    """The facts by the names that conditions and reasons use: `{"identity.kind": "agent", …}`."""
    return {name: value(facts) for name, value in _getters()}


@cache
def _getters() -> "tuple[tuple[str, attrgetter[Any]], ...]":
    return tuple((declaration.name, attrgetter(declaration.name)) for declaration in declarations())


EXAMPLE = Facts(
    identity=IdentityFacts(
        id=UUID("0192f0c1-7a00-7000-8000-000000000001"),
        name="agent-invoice-reader",
        kind="agent",
        machine=True,
        status="active",
        source="cmdb",
        external_key="APP-2041",
        canonical_identifier="spiffe://example.org/agent/invoice-reader",
        department="Finance",
        title="",
        teams=(),
        environment="production",
        owned=True,
        owned_until=None,
        ends_at=datetime(2027, 9, 30, 18, tzinfo=UTC),
    ),
    entitlement=EntitlementFacts(
        id=UUID("0192f0c1-7a00-7000-8000-000000000002"),
        key="invoice-match",
        name="Match invoices to orders",
        state="active",
        risk="moderate",
        privileged=False,
        longest_lease=timedelta(days=60),
        review_cadence=timedelta(days=90),
        allowed_kinds=("person", "agent"),
        confers=("ledger/invoice-read",),
        confers_risk="low",
    ),
    system=SystemFacts(
        id=UUID("0192f0c1-7a00-7000-8000-000000000003"),
        key="ledger",
        name="Ledger",
        state="active",
        environment="production",
        risk="high",
    ),
    purpose=PurposeFacts(
        id=UUID("0192f0c1-7a00-7000-8000-000000000004"),
        reference="P-0164",
        name="Supplier invoice intake",
        state="active",
        emergency=False,
        justifies=True,
        admits=True,
        ends_at=datetime(2027, 6, 30, 18, tzinfo=UTC),
        review_at=datetime(2027, 3, 31, tzinfo=UTC),
    ),
    request=RequestFacts(
        requester_id=UUID("0192f0c1-7a00-7000-8000-000000000005"),
        requester_kind="person",
        requester_department="Finance",
        by_machine=False,
        for_self=False,
        break_glass=False,
        term=timedelta(days=30),
        ahead=timedelta(),
        bundle="",
    ),
    access=AccessFacts(
        entitlements=("ledger/invoice-read",),
        privileged=False,
        continuous_since=datetime(2026, 10, 13, 9, 30, tzinfo=UTC),
        renewals=0,
        effective=("ledger/invoice-read",),
    ),
    separation=SeparationFacts(breaks=(), reasons=(), mitigated=(), mitigations=(), mitigated_until=None),
    assurance=2,
    now=datetime(2026, 11, 12, 9, 30, tzinfo=UTC),
)
"""One ordinary decision. New conditions and reasons are tried on it before they are kept."""
