"""The switchboard of models: Django finds them by this module, wherever their package lies."""

from governance.access.models import Account, Assignment, Inclusion, PresencePeriod, Verification
from governance.approvals.models import ApprovalRoute, ApprovalStep, Comment, Decision, Question, StepApprover
from governance.audit.models import AuditBody, AuditCheck, AuditCheckpoint, AuditEvent, AuditLeaf
from governance.catalog.models import Entitlement, System
from governance.connectors.models import ConnectorConfiguration
from governance.grants.models import Grant
from governance.identities.models import Human, Identity, Ownership, Team, TeamMembership
from governance.lifecycle.models import FeedFile, FeedRun, Source
from governance.notifications.models import Mail, MailPreference, Notification
from governance.policy.models import PolicyDecision, PolicyRule, PolicyRuleVersion
from governance.provisioning.models import ManualEvidence, ManualTask, ProvisioningTask, TaskAttempt
from governance.purposes.models import Dedication, Justification, Purpose
from governance.requests.models import AccessRequest, RequestItem
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
    "Comment",
    "ConnectorConfiguration",
    "Decision",
    "Dedication",
    "Entitlement",
    "FeedFile",
    "FeedRun",
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
    "PolicyRule",
    "PolicyRuleVersion",
    "PresencePeriod",
    "ProvisioningTask",
    "Purpose",
    "Question",
    "RequestItem",
    "SeparationMember",
    "SeparationRule",
    "SeparationRuleVersion",
    "SeparationViolation",
    "Source",
    "StepApprover",
    "System",
    "TaskAttempt",
    "Team",
    "TeamMembership",
    "Verification",
]
