"""The switchboard of models: Django finds them by this module, wherever their package lies."""

from governance.access.models import Account, Assignment, Inclusion, PresencePeriod, Verification
from governance.analysis.models import Finding, Replay, ReplayProgress, RoleSuggestion, StaleFinding, Survey
from governance.approvals.models import (
    ApprovalRoute,
    ApprovalStep,
    Calendar,
    Comment,
    Decision,
    DecisionFile,
    Delegation,
    Question,
    Reassignment,
    StepApprover,
)
from governance.audit.models import AuditBody, AuditCheck, AuditCheckpoint, AuditEvent, AuditLeaf
from governance.break_glass.models import BreakGlass, Exposure
from governance.catalog.models import (
    Bundle,
    BundlePart,
    BundleVersion,
    CatalogApplication,
    Entitlement,
    FileManagement,
    System,
)
from governance.changes.models import ProposedChange
from governance.connectors.models import ConnectorConfiguration
from governance.grants.models import Grant
from governance.identities.models import Human, Identity, Ownership, Team, TeamMembership
from governance.lifecycle.models import FeedFile, FeedRun, Reevaluation, ReevaluationProgress, Source
from governance.notifications.models import Mail, MailPreference, Notification
from governance.policy.models import PolicyDecision, PolicyExample, PolicyRule, PolicyRuleVersion
from governance.provisioning.models import ManualEvidence, ManualTask, ProvisioningTask, TaskAttempt
from governance.purposes.models import Dedication, Justification, Purpose
from governance.requests.models import AccessRequest, RequestDraft, RequestItem
from governance.separation.models import (
    Mitigation,
    SeparationMember,
    SeparationRule,
    SeparationRuleVersion,
    SeparationViolation,
)

__all__ = [
    "AccessRequest",
    "Account",
    "ApprovalRoute",
    "ApprovalStep",
    "Assignment",
    "AuditBody",
    "AuditCheck",
    "AuditCheckpoint",
    "AuditEvent",
    "AuditLeaf",
    "BreakGlass",
    "Bundle",
    "BundlePart",
    "BundleVersion",
    "Calendar",
    "CatalogApplication",
    "Comment",
    "ConnectorConfiguration",
    "Decision",
    "DecisionFile",
    "Dedication",
    "Delegation",
    "Entitlement",
    "Exposure",
    "FeedFile",
    "FeedRun",
    "FileManagement",
    "Finding",
    "Grant",
    "Human",
    "Identity",
    "Inclusion",
    "Justification",
    "Mail",
    "MailPreference",
    "ManualEvidence",
    "ManualTask",
    "Mitigation",
    "Notification",
    "Ownership",
    "PolicyDecision",
    "PolicyExample",
    "PolicyRule",
    "PolicyRuleVersion",
    "PresencePeriod",
    "ProposedChange",
    "ProvisioningTask",
    "Purpose",
    "Question",
    "Reassignment",
    "Reevaluation",
    "ReevaluationProgress",
    "Replay",
    "ReplayProgress",
    "RequestDraft",
    "RequestItem",
    "RoleSuggestion",
    "SeparationMember",
    "SeparationRule",
    "SeparationRuleVersion",
    "SeparationViolation",
    "Source",
    "StaleFinding",
    "StepApprover",
    "Survey",
    "System",
    "TaskAttempt",
    "Team",
    "TeamMembership",
    "Verification",
]
