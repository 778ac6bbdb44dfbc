"""The columns of each list, named once: a page takes its headings from here, an export its columns and values."""

from dataclasses import dataclass
from typing import Any

from governance.analysis.reasons import reason
from governance.approvals.models import ApprovalStep
from governance.audit.models import AuditEvent
from governance.catalog.models import Bundle, BundleVersion
from governance.changes.kinds import kind_of
from governance.changes.models import ProposedChange
from governance.evidence.columns import Value
from governance.evidence.columns import table as _table
from governance.evidence.entries import Entry
from governance.grants.models import Grant
from governance.grants.states import NOT_STARTED
from governance.policy.differences import summed
from governance.requests.models import AccessRequest
from governance.separation.models import SeparationRule, SeparationRuleVersion
from governance.separation.states import Side


def _starts_at(grant: Grant) -> Any:
    return None if grant.state in NOT_STARTED else grant.starts_at


GRANTS = _table(
    "grants",
    ("reference", "Grant", str),
    ("entitlement", "Entitlement", "entitlement.name"),
    ("system", "System", "entitlement.system.name"),
    ("holder", "Held by", "identity.name"),
    ("holder_kind", "Kind", "identity.kind"),
    ("purpose", "Purpose", lambda grant: str(grant.purpose)),
    ("owner", "Owner", "accountable_owner.name"),
    ("requester", "Requested by", "requester.name"),
    ("basis", "Basis", "basis"),
    ("starts_at", "Starts", _starts_at),
    ("ends_at", "Lease", "ends_at"),
    ("state", "State", "state"),
    ("state_reason", "Reason", "state_reason"),
    ("id", "Id", "pk"),
)


def _items(request: AccessRequest) -> list[str]:
    return sorted(f"{item.entitlement}: {item.state}" for item in request.items.all())


REQUESTS = _table(
    "requests",
    ("reference", "Request", str),
    ("items", "Items", _items),
    ("holder", "For", "beneficiary.name"),
    ("requester", "Requested by", "requester.name"),
    ("purpose", "Purpose", lambda request: str(request.purpose)),
    ("risk", "Risk", lambda request: sorted({item.entitlement.risk for item in request.items.all()})),
    ("justification", "Why", "justification"),
    ("term_seconds", "Term", "term"),
    ("wanted_until", "Until", "wanted_until"),
    ("submitted_at", "Asked", "submitted_at"),
    ("closed_at", "Closed", "closed_at"),
    ("state", "State", "state"),
    ("id", "Id", "pk"),
)


def _said(*path: str) -> Value:
    """What the event's line says there; None once redacted."""

    def read(event: AuditEvent) -> Any:
        found: Any = event.content
        for step in path:
            found = found[step] if found else None
        return found

    return read


def _line(event: AuditEvent | None) -> str | None:
    """The canonical line, whose hash is the leaf's; None once redacted."""
    return event.body.line if event is not None and event.content is not None else None


def _leaf(event: AuditEvent | None) -> str | None:
    return bytes(event.leaf_hash).hex() if event is not None else None


EVENTS = _table(
    "events",
    ("sequence", "Entry", "sequence"),
    ("at", "When", "at"),
    ("action", "Event", "action"),
    ("subject_kind", "Kind", "subject_kind"),
    ("subject", "Subject", _said("subject", "label")),
    ("subject_id", "Subject id", "subject_id"),
    ("actor", "By", _said("actor", "label")),
    ("actor_kind", "Kind of actor", "actor_kind"),
    ("actor_id", "Actor id", "actor_id"),
    ("reason", "Why", _said("reason")),
    ("leaf_hash", "Leaf hash", _leaf),
    ("line", "Line", _line),
)

NOTIFICATIONS = _table(
    "notifications",
    ("created_at", "When", "created_at"),
    ("title", "What", "title"),
    ("body", "Message", "body"),
    ("subject_kind", "About", "subject_kind"),
    ("subject_id", "About id", "subject_id"),
    ("read_at", "Read", "read_at"),
)

MANUAL_TASKS = _table(
    "tasks",
    ("id", "Id", "id"),
    ("operation", "Operation", "task.operation"),
    ("system", "System", "task.assignment.entitlement.system.name"),
    ("entitlement", "Entitlement", "task.assignment.entitlement.name"),
    ("account", "Account", "task.assignment.account.login"),
    ("holder", "Holder", "task.assignment.account.identity.name"),
    ("state", "State", "state"),
    ("opened_at", "Opened", "opened_at"),
    ("due_at", "Due", "due_at"),
    ("doer", "Done by", "doer.name"),
    ("done_at", "Done", "done_at"),
    ("judge", "Judged by", "judge.name"),
    ("judged_at", "Judged", "judged_at"),
)

FEED_RUNS = _table(
    "feed-runs",
    ("number", "Run", str),
    ("source", "Source", "source.key"),
    ("file_name", "File", "file_name"),
    ("digest", "SHA-256", "digest"),
    ("state", "State", "state"),
    ("read_at", "Read", "read_at"),
    ("read_by", "Read by", "read_by"),
    ("decided_at", "Decided", "decided_at"),
    ("decided_by", "Decided by", "decided_by"),
    ("closed_at", "Closed", "closed_at"),
)

IDENTITIES = _table(
    "identities",
    ("name", "Name", "name"),
    ("kind", "Kind", "kind"),
    ("state", "State", "state"),
    ("source", "Source", "source"),
    ("external_key", "Key", "external_key"),
    ("email", "E-mail", "email"),
    ("title", "Title", "title"),
    ("department", "Department", "department"),
    ("manager", "Manager", "manager.name"),
    ("environment", "Environment", "environment"),
    ("canonical_identifier", "Identifier", "canonical_identifier"),
    ("ends_at", "Ends", "ends_at"),
    ("id", "Id", "pk"),
)


def _said_by(bundle: Bundle) -> BundleVersion:
    """Its last version, of those prefetched."""
    return max(bundle.versions.all(), key=lambda version: version.number)


SYSTEMS = _table(
    "systems",
    ("key", "Key", "key"),
    ("name", "Name", "name"),
    ("description", "Description", "description"),
    ("environment", "Environment", "environment"),
    ("risk", "Risk tier", "risk"),
    ("state", "State", "state"),
    ("id", "Id", "pk"),
)

ENTITLEMENTS = _table(
    "entitlements",
    ("system", "System", "system.name"),
    ("key", "Key", "key"),
    ("name", "Name", "name"),
    ("description", "Description", "description"),
    ("risk", "Risk", "risk"),
    ("privileged", "Privileged", "privileged"),
    ("longest_lease_seconds", "Longest lease", "longest_lease"),
    ("review_cadence_seconds", "Review", "review_cadence"),
    ("allowed_kinds", "Held by", "allowed_kinds"),
    ("state", "State", "state"),
    ("id", "Id", "pk"),
)

BUNDLES = _table(
    "bundles",
    ("key", "Key", "key"),
    ("name", "Bundle", "name"),
    ("description", "Description", "description"),
    ("version", "Version", lambda bundle: _said_by(bundle).number),
    ("birthright", "Birthright", lambda bundle: _said_by(bundle).birthright),
    ("criteria", "Who matches", lambda bundle: _said_by(bundle).criteria),
    ("review_at", "Review", lambda bundle: _said_by(bundle).review_at),
    ("state", "State", "state"),
    ("id", "Id", "pk"),
)

PURPOSES = _table(
    "purposes",
    ("reference", "Purpose", "reference"),
    ("name", "Name", "name"),
    ("description", "Description", "description"),
    ("state", "State", "state"),
    ("emergency", "Emergency", "emergency"),
    ("ends_at", "Ends", "ends_at"),
    ("review_at", "Review", "review_at"),
    ("id", "Id", "pk"),
)

POLICY_RULES = _table(
    "policy-rules",
    ("key", "Rule", "key"),
    ("title", "Title", "title"),
    ("owner", "Owner", "owner_name"),
    ("version", "In force", "version"),
    ("since", "Since", "since"),
    ("until", "Until", "until"),
    ("mode", "Mode", "mode"),
    ("state", "State", "stands"),
    ("id", "Id", "pk"),
)


def _differences(change: ProposedChange) -> list[str]:
    found = kind_of(change.kind).differences(change.before, change.payload)
    return [f"{one.label}: {one.before} → {one.after}" if one.before else f"{one.label}: {one.after}" for one in found]


CHANGES = _table(
    "changes",
    ("reference", "Change", str),
    ("kind", "What", "kind"),
    ("subject", "Of", "subject_label"),
    ("subject_id", "Of id", "subject_id"),
    ("proposer", "Proposed by", "proposer.name"),
    ("reason", "Why", "reason"),
    ("differences", "Changes", _differences),
    ("proposed_at", "Proposed", "proposed_at"),
    ("closed_at", "Closed", "closed_at"),
    ("state", "State", "state"),
    ("state_reason", "Reason", "state_reason"),
    ("id", "Id", "pk"),
)

FINDINGS = _table(
    "replay-findings",
    ("number", "Finding", "number"),
    ("source", "Of", "source"),
    ("reference", "Reference", "reference"),
    ("holder", "Held by", "holder"),
    ("entitlement", "Entitlement", "entitlement"),
    ("system", "System", "system"),
    ("changes", "Changes", "changes"),
    ("before", "Before", lambda row: summed(row.before)),
    ("after", "With this version", lambda row: summed(row.after)),
    ("fate", "Live lease", "fate"),
    ("subject_id", "Id", "subject_id"),
    ("decision_id", "Decision id", "decision_id"),
)


VIOLATIONS = _table(
    "separation-violations",
    ("reference", "Violation", str),
    ("rule", "Rule", "rule.key"),
    ("title", "Kept apart", "rule.title"),
    ("severity", "Severity", "severity"),
    ("holder", "Held by", "identity.name"),
    ("left", "One side", lambda row: str(row.left)),
    ("right", "Other side", lambda row: str(row.right)),
    ("opened_at", "Since", "opened_at"),
    ("closed_at", "Resolved", "closed_at"),
    ("state", "State", "state"),
    ("state_reason", "Reason", "state_reason"),
    ("id", "Id", "pk"),
)


def _worded(rule: SeparationRule) -> SeparationRuleVersion:
    """Its last version, of those prefetched."""
    return max(rule.versions.all(), key=lambda version: version.number)


def _side(side: Side) -> Value:
    """The entitlements on one side of a rule's last version."""
    return lambda rule: sorted(str(one.entitlement) for one in _worded(rule).members.all() if one.side == side)


SEPARATION_RULES = _table(
    "separation-rules",
    ("key", "Rule", "key"),
    ("title", "Title", "title"),
    ("version", "Version", lambda rule: _worded(rule).number),
    ("severity", "Severity", lambda rule: _worded(rule).severity),
    ("left", "One side", _side(Side.LEFT)),
    ("right", "Other side", _side(Side.RIGHT)),
    ("reason", "Why", lambda rule: _worded(rule).reason),
    ("state", "State", lambda rule: _worded(rule).state),
    ("id", "Id", "pk"),
)


MITIGATIONS = _table(
    "mitigations",
    ("reference", "Mitigation", str),
    ("rule", "Rule", "rule.key"),
    ("title", "Kept apart", "rule.title"),
    ("holder", "For", "identity.name"),
    ("reason", "Why", "reason"),
    ("control", "What is done meanwhile", "control"),
    ("emergency", "For emergencies", "emergency"),
    ("requester", "Asked by", "requester.name"),
    ("requested_at", "Asked", "requested_at"),
    ("decider", "Decided by", "decider.name"),
    ("decided_at", "Decided", "decided_at"),
    ("review_at", "Review", "review_at"),
    ("ends_at", "Ends", "ends_at"),
    ("state", "State", "state"),
    ("state_reason", "Reason", "state_reason"),
    ("id", "Id", "pk"),
)

INCLUSIONS = _table(
    "inclusions",
    ("entitlement", "Holding", lambda row: str(row.entitlement)),
    ("conferred", "Confers", lambda row: str(row.conferred)),
    ("source", "Known from", "source"),
    ("seen_at", "Last seen", "seen_at"),
    ("ended_at", "Ended", "ended_at"),
    ("id", "Id", "pk"),
)

STALE_FINDINGS = _table(
    "findings",
    ("reference", "Finding", str),
    ("kind", "What", "kind"),
    ("subject", "About", "subject"),
    ("reason", "Why", lambda row: reason(row.kind, row.figures)),
    ("score", "Weight", "score"),
    ("system", "System", "system.name"),
    ("holder", "Held by", "holder.name"),
    ("state", "State", "state"),
    ("state_reason", "Reason", "state_reason"),
    ("dismissed_by", "Dismissed by", "dismissed_by"),
    ("dismissed_until", "Until", "dismissed_until"),
    ("found_at", "Found", "found_at"),
    ("closed_at", "Gone since", "closed_at"),
    ("subject_kind", "About a", "subject_kind"),
    ("subject_id", "About id", "subject_id"),
    ("id", "Id", "pk"),
)

ROLE_SUGGESTIONS = _table(
    "role-suggestions",
    ("reference", "Suggestion", str),
    ("criteria", "Who matches", "criteria"),
    ("members", "Members", "members"),
    ("matched", "Match", "matched"),
    ("covered", "Explains", "covered"),
    ("standing", "Of", "standing"),
    ("missing", "Members lack", "missing"),
    ("excess", "Gives anew", "excess"),
    ("score", "Fit", "score"),
    ("entitlement_ids", "Entitlements", "entitlements"),
    ("state", "State", "state"),
    ("state_reason", "Reason", "state_reason"),
    ("dismissed_by", "Dismissed by", "dismissed_by"),
    ("dismissed_until", "Until", "dismissed_until"),
    ("found_at", "Found", "found_at"),
    ("closed_at", "Gone since", "closed_at"),
    ("id", "Id", "pk"),
)


def _asked(step: ApprovalStep) -> list[str]:
    return sorted(asked.identity.name for asked in step.approvers.all() if asked.ends_at is None)


def _decided(step: ApprovalStep) -> list[str]:
    return [f"{one.by}: {one.verdict}" for one in sorted(step.decisions.all(), key=lambda one: one.at)]


DELEGATIONS = _table(
    "delegations",
    ("delegate", "Decides", "delegate.name"),
    ("delegator", "In the place of", "delegator.name"),
    ("kind", "As", "kind"),
    ("reason", "Why", "reason"),
    ("starts_at", "From", "starts_at"),
    ("ends_at", "Until", "ends_at"),
    ("end_reason", "Why it ended early", "end_reason"),
    ("id", "Id", "pk"),
)

STEPS = _table(
    "approval-steps",
    ("kind", "Whose decision", "kind"),
    ("target", "Of", "target_label"),
    ("state", "State", "state"),
    ("state_reason", "Reason", "state_reason"),
    ("position", "Position", "position"),
    ("asked", "Asked", _asked),
    ("decisions", "Decisions", _decided),
    ("opened_at", "Opened", "opened_at"),
    ("due_at", "Due", "due_at"),
    ("closed_at", "Closed", "closed_at"),
    ("subject_kind", "About", "route.subject_kind"),
    ("subject_id", "About id", "route.subject_id"),
    ("id", "Id", "pk"),
)


@dataclass(frozen=True, slots=True)
class Custody:
    """One record of one grant's chain."""

    grant: Grant
    entry: Entry


CHAINS = _table(
    "chains-of-custody",
    ("grant", "Grant", lambda row: str(row.grant)),
    ("grant_id", "Grant id", "grant.pk"),
    ("entitlement", "Entitlement", "grant.entitlement.name"),
    ("system", "System", "grant.entitlement.system.name"),
    ("holder", "Held by", "grant.identity.name"),
    ("purpose", "Purpose", lambda row: str(row.grant.purpose)),
    ("kind", "What happened", lambda row: row.entry.kind.value),
    ("at", "When", "entry.at"),
    ("by", "By", "entry.by"),
    ("why", "Why", "entry.why"),
    ("people", "Reached", lambda row: list(row.entry.people)),
    ("verdict", "Verdict", "entry.decision.verdict"),
    ("provenance", "Provenance", "entry.decision.provenance"),
    ("on_behalf_of", "On behalf of", "entry.decision.on_behalf_of.name"),
    ("assurance", "Assurance", "entry.decision.assurance"),
    ("policy_allowed", "Policy allowed", "entry.policy.allowed"),
    ("policy_facts_hash", "Facts hash", "entry.policy.facts_hash"),
    ("observation", "Observed", "entry.verification.observation"),
    ("method", "Method", "entry.verification.method"),
    ("source", "Source", "entry.verification.source"),
    ("answer_hash", "Answer hash", "entry.verification.answer_hash"),
    ("action", "Event", "entry.event.action"),
    ("sequence", "Entry", "entry.event.sequence"),
    ("leaf_hash", "Leaf hash", lambda row: _leaf(row.entry.event)),
    ("line", "Line", lambda row: _line(row.entry.event)),
)
