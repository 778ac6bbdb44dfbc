"""A small organisation of invented people to walk around in: data, made by `seed_demo` through the product's doors."""

from dataclasses import dataclass
from datetime import timedelta

from governance.catalog.states import Risk
from governance.identities.states import Environment, Kind
from governance.policy.starter import StarterRule

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Persona:
    """Somebody to sign in as with one click, in demonstration mode alone."""

    username: str
    name: str
    title: str
    department: str
    manager: str
    shows: str
    """What a visitor sees as this person, in a few words."""


PERSONAS = (
    Persona("naomi", "Naomi Bright", "Head of platform", "Platform", "", "runs the portal and answers for its roles"),
    Persona("tomas", "Tomás Rey", "Engineering manager", "Payments", "naomi", "approves as a manager"),
    Persona(
        "lena", "Lena Fischer", "Payments engineer", "Payments", "tomas", "asks for access, owns a service account"
    ),
    Persona("amara", "Amara Diallo", "Data steward", "Data", "naomi", "approves as owner of the payments database"),
    Persona("jonas", "Jonas Weber", "Database engineer", "Data", "amara", "is the backup owner"),
    Persona("oliver", "Oliver Grant", "Internal auditor", "Audit", "naomi", "sees everything, changes nothing"),
    Persona("hana", "Hana Sato", "Security lead", "Security", "naomi", "watches over access and ends it early"),
)


@dataclass(frozen=True, slots=True)
class Offer:
    """An entitlement of the demonstration: a role on its database server, a group of its application, a badge."""

    role: str
    name: str
    description: str
    risk: Risk
    longest: timedelta
    kinds: tuple[Kind, ...]


EVERYONE = (Kind.PERSON, Kind.SERVICE_ACCOUNT, Kind.AGENT)

OFFERS = (
    Offer("payments_read", "Read payments", "View payments and their status.", Risk.LOW, 90 * DAY, EVERYONE),
    Offer("payments_report", "Report on payments", "Run month-end reports.", Risk.MODERATE, 30 * DAY, EVERYONE),
    Offer("payments_write", "Write payments", "Correct and re-send payments.", Risk.HIGH, 7 * DAY, EVERYONE),
    Offer("payments_owner", "Own the schema", "Change tables and delete rows.", Risk.CRITICAL, 8 * HOUR, EVERYONE),
)


GROUPS = (
    Offer("Support agents", "Answer customers", "Read and answer tickets.", Risk.MODERATE, 30 * DAY, (Kind.PERSON,)),
    Offer("Support exports", "Export tickets", "Download what customers wrote.", Risk.HIGH, 7 * DAY, (Kind.PERSON,)),
)
"""Groups of the demonstration's SCIM application."""

BADGES = (Offer("vault-room", "Vault room badge", "Enter the vault room.", Risk.MODERATE, 30 * DAY, (Kind.PERSON,)),)
"""What people hand out in the demonstration."""

BADGE_WORK = {
    "grant_instructions": "Hand the badge out at the front desk against a signature, and enter it in the book.\n\n"
    "Evidence: a picture or scan of the line in the badge book.",
    "revoke_instructions": "Take the badge back at the front desk, and strike the line in the badge book.\n\n"
    "Evidence: a picture or scan of the struck line.",
    "grant_hours": 48,
    "revoke_hours": 24,
}


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine identity, with who answers for it."""

    name: str
    kind: Kind
    environment: Environment
    identifier: str
    owner: str
    backup: str


MACHINES = (
    Machine(
        "svc-ledger-sync",
        Kind.SERVICE_ACCOUNT,
        Environment.PRODUCTION,
        "svc-ledger-sync@payments.example",
        "lena",
        "jonas",
    ),
    Machine(
        "agent-dispute-triage",
        Kind.AGENT,
        Environment.PRODUCTION,
        "https://agents.example/dispute-triage",
        "amara",
        "jonas",
    ),
)

PURPOSES = (
    ("P-0102", "Payments on call", "tomas", 180 * DAY, ("payments_read", "payments_report", "payments_write")),
    ("P-0119", "Month-end close", "amara", 45 * DAY, ("payments_read", "payments_report")),
    ("P-0131", "Customer care", "tomas", 240 * DAY, ("Support agents", "Support exports")),
    ("P-0158", "Cash handling", "naomi", 200 * DAY, ("vault-room",)),
    ("P-0164", "Database maintenance", "amara", 300 * DAY, ("payments_write", "payments_owner")),
)


CARE = ("customer-care", "Customer care", ("Support agents", "Support exports"), "Who joins the desk needs both.")
"""A bundle: its key and name, what it holds, and why it was proposed."""

APART = (
    "SOD-01",
    "Correcting payments and customers' data",
    "Whoever corrects payments could hide it from customers by what they write to them.",
    "The auditors have asked for it.",
)
"""What keeps writing payments apart from that bundle: key, title, reason, and why it came into force."""

EMERGENCY = ("P-0911", "Payments are down", "amara", 365 * DAY, ("payments_write",))
"""What the glass can be broken for."""

GLASS = StarterRule(
    "POL-20",
    "Payments engineers act at once when payments are down",
    "request.break_glass && identity.department == 'Payments' && system.key == 'payments-db'",
    {"break_glass_seconds": 4 * 3600},
    "In an emergency {identity.name} may act at once, for at most {break_glass}.",
)
