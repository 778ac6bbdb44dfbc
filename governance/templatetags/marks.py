"""Every state of domain.md as a person reads it: words, icon, tone.

No two of ended, revoking and revoked share a word or an icon. A state that is
missing here is an error, never a blank.
"""

from typing import NamedTuple


class Mark(NamedTuple):
    """How one state is shown: an icon of the sprite, the words, the tone (empty is plain ink)."""

    icon: str
    words: str
    tone: str = ""


GRANT = {
    "approved": Mark("check", "Approved"),
    "scheduled": Mark("calendar", "Scheduled"),
    "provisioning": Mark("plug", "Provisioning", "note"),
    "provisioning_failed": Mark("alert", "Provisioning failed", "bad"),
    "active": Mark("eye", "Active, verified present", "ok"),
    "suspended": Mark("pause", "Suspended", "warn"),
    "ended": Mark("end", "Ended", "warn"),
    "revoking": Mark("leave", "Revoking, asked of the system", "warn"),
    "revocation_failed": Mark("alert", "Removal not verified", "bad"),
    "revoked": Mark("seal", "Revoked, verified absent", "ok"),
    "supported": Mark("arrow", "Over, the access stands on another lease"),
    "cancelled": Mark("cross", "Cancelled"),
}

REQUEST = {
    "draft": Mark("pen", "Draft"),
    "submitted": Mark("arrow", "Submitted", "note"),
    "in_review": Mark("clock", "In review", "note"),
    "returned": Mark("question", "Returned with a question", "warn"),
    "decided": Mark("check", "Decided"),
    "decided_approved": Mark("check", "Decided: approved", "ok"),
    "decided_rejected": Mark("cross", "Decided: rejected", "bad"),
    "withdrawn": Mark("back", "Withdrawn"),
    "expired": Mark("lapse", "Expired"),
}

ITEM = {
    "pending": Mark("clock", "Pending", "note"),
    "approved": Mark("check", "Approved", "ok"),
    "approved_reduced": Mark("check", "Approved with less", "ok"),
    "rejected": Mark("cross", "Rejected", "bad"),
    "denied": Mark("scale", "Denied by policy", "bad"),
    "withdrawn": Mark("back", "Withdrawn"),
    "expired": Mark("lapse", "Expired"),
    "closed": Mark("cross", "Closed"),
}

STEP = {
    "waiting": Mark("clock", "Waiting"),
    "open": Mark("pen", "Open", "note"),
    "returned": Mark("question", "Returned with a question", "warn"),
    "approved": Mark("check", "Approved", "ok"),
    "rejected": Mark("cross", "Rejected", "bad"),
    "skipped": Mark("arrow", "Skipped"),
    "expired": Mark("lapse", "Expired", "warn"),
    "cancelled": Mark("cross", "Cancelled"),
}

TASK = {
    "queued": Mark("clock", "Queued"),
    "running": Mark("plug", "Running", "note"),
    "succeeded": Mark("arrow", "Succeeded, not yet verified", "note"),
    "verified": Mark("eye", "Verified", "ok"),
    "failed": Mark("alert", "Failed, will be tried again", "warn"),
    "superseded": Mark("back", "Superseded"),
    "dead": Mark("alert", "Stopped, a person is asked", "bad"),
}

MANUAL = {
    "open": Mark("pen", "To be done", "note"),
    "done": Mark("eye", "To be confirmed", "warn"),
    "sent_back": Mark("back", "Sent back", "warn"),
    "confirmed": Mark("check", "Confirmed", "ok"),
    "closed": Mark("lapse", "Closed"),
}

FEED = {
    "proposed": Mark("clock", "Waits for a yes", "note"),
    "held": Mark("pause", "Held: too many would end", "warn"),
    "accepted": Mark("plug", "Being applied", "note"),
    "applied": Mark("check", "Applied", "ok"),
    "refused": Mark("cross", "Refused, rows are bad", "bad"),
    "discarded": Mark("cross", "Discarded"),
}

RULE = {
    "draft": Mark("pen", "Draft", "note"),
    "scheduled": Mark("calendar", "Takes effect later", "note"),
    "in_force": Mark("scale", "In force", "ok"),
    "retired": Mark("end", "Retired"),
}

REPLAY = {
    "running": Mark("clock", "Running", "note"),
    "done": Mark("check", "Done", "ok"),
    "stopped": Mark("alert", "Stopped", "bad"),
}

FOUND = {
    "open": Mark("alert", "Open", "warn"),
    "dismissed": Mark("leave", "Dismissed"),
    "gone": Mark("check", "Gone", "ok"),
}

CHANGE = {
    "proposed": Mark("clock", "Waits for approval", "note"),
    "approved": Mark("check", "Approved", "ok"),
    "applied": Mark("check", "Applied", "ok"),
    "rejected": Mark("cross", "Rejected", "bad"),
    "withdrawn": Mark("back", "Withdrawn"),
    "expired": Mark("lapse", "Expired"),
    "failed": Mark("alert", "Not applied", "bad"),
}

PURPOSE = {
    "proposed": Mark("clock", "Proposed", "note"),
    "approved": Mark("check", "Approved"),
    "active": Mark("check", "Active", "ok"),
    "retiring": Mark("leave", "Retiring, removals not proven yet", "warn"),
    "retired": Mark("end", "Retired"),
    "rejected": Mark("cross", "Rejected", "bad"),
}

CATALOG = {
    "active": Mark("check", "Active", "ok"),
    "retired": Mark("end", "Retired"),
}

BUNDLE = {
    "proposed": Mark("clock", "Proposed", "note"),
    "active": Mark("check", "Active", "ok"),
    "retired": Mark("end", "Retired"),
    "rejected": Mark("cross", "Rejected", "bad"),
}

SEPARATION = {
    "draft": Mark("pen", "Draft, not in force", "note"),
    "in_force": Mark("scale", "In force", "ok"),
    "retired": Mark("lapse", "Retired"),
    "discarded": Mark("cross", "Discarded"),
}

VIOLATION = {
    "open": Mark("alert", "Open", "bad"),
    "mitigated": Mark("clock", "Mitigated", "warn"),
    "resolved": Mark("check", "Resolved", "ok"),
}

MITIGATION = {
    "proposed": Mark("pen", "Proposed", "note"),
    "approved": Mark("check", "Approved", "ok"),
    "rejected": Mark("cross", "Rejected", "bad"),
    "withdrawn": Mark("back", "Withdrawn"),
    "ended": Mark("end", "Ended"),
}

BREAK_GLASS = {
    "open": Mark("alert", "Not reviewed", "warn"),
    "reviewed": Mark("eye", "Reviewed", "note"),
    "closed": Mark("check", "Closed", "ok"),
}

EXPOSURE = {
    "exposed": Mark("alert", "Exposed", "bad"),
    "rotated": Mark("check", "Rotated", "ok"),
}

STATES = {
    "break_glass": BREAK_GLASS,
    "exposure": EXPOSURE,
    "bundle": BUNDLE,
    "purpose": PURPOSE,
    "catalog": CATALOG,
    "change": CHANGE,
    "separation": SEPARATION,
    "violation": VIOLATION,
    "mitigation": MITIGATION,
    "feed": FEED,
    "grant": GRANT,
    "request": REQUEST,
    "item": ITEM,
    "step": STEP,
    "task": TASK,
    "manual": MANUAL,
    "replay": REPLAY,
    "reevaluation": REPLAY,
    "survey": REPLAY,
    "found": FOUND,
    "rule": RULE,
}

STEP_CLASSES = {
    "waiting": "",
    "open": "now",
    "returned": "now",
    "approved": "done",
    "rejected": "no",
    "skipped": "off",
    "expired": "off",
    "cancelled": "off",
}

MESSAGE_TONES = {"error": "bad", "warning": "warn", "success": "ok"}

TONE_ICONS = {"ok": "check", "note": "info", "warn": "alert", "bad": "alert"}
