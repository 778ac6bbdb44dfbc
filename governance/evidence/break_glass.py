"""The columns of what was taken at once in an emergency."""

from governance.break_glass.models import BreakGlass
from governance.evidence.columns import table


def _exposures(glass: BreakGlass) -> list[str]:
    return sorted(f"{one.get_kind_display()} of {one.locator}: {one.state}" for one in glass.exposures.all())


BREAK_GLASS = table(
    "break-glass",
    ("reference", "Break-glass", str),
    ("holder", "Taken by", "holder.name"),
    ("entitlement", "Entitlement", "grant.entitlement.name"),
    ("system", "System", "grant.entitlement.system.name"),
    ("purpose", "Emergency", lambda glass: str(glass.grant.purpose)),
    ("incident", "Incident", "incident"),
    ("justification", "Why", "justification"),
    ("taken_at", "Taken", "taken_at"),
    ("ends_at", "Lease", "grant.ends_at"),
    ("grant", "Grant", lambda glass: str(glass.grant)),
    ("grant_state", "Grant's state", "grant.state"),
    ("state", "State", "state"),
    ("reviewer", "Reviewed by", "reviewer.name"),
    ("reviewed_at", "Reviewed", "reviewed_at"),
    ("done", "What was done", "done"),
    ("exposures", "Exposed", _exposures),
    ("closer", "Closed by", "closer.name"),
    ("closed_at", "Closed", "closed_at"),
    ("id", "Id", "pk"),
)
