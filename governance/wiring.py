"""The switchboard: every upward call, connected on one screen."""

from collections.abc import Callable, Mapping

from django.utils import timezone

from governance.analysis.publishing import RulePublish
from governance.approvals.models import ApprovalStep
from governance.audit import moves as audit
from governance.break_glass.queries import without_reviewer
from governance.changes import kinds
from governance.changes.bundles import BundleEdit, BundleNew, BundleRetire
from governance.changes.entitlements import EntitlementEdit
from governance.changes.models import ProposedChange
from governance.changes.moves import ChangeSubject
from governance.changes.policy_rules import RuleRetire
from governance.changes.purposes import PurposeEdit, PurposeNew
from governance.changes.separation_rules import SeparationPublish, SeparationRetire
from governance.changes.systems import EntitlementNew, SystemEdit
from governance.core import events, subjects
from governance.grants.moves import GrantsOfAssignment
from governance.grants.queries import Leases
from governance.identities.queries import governance_is_staffed, unowned
from governance.lifecycle.catalog_retirement import EntitlementRetire, SystemRetire
from governance.lifecycle.retirement import PurposeRetire
from governance.notifications.queries import undelivered
from governance.requests.models import RequestItem
from governance.requests.moves import ItemSubject


def connect() -> None:
    """Connect what is below to what is above. Called once, when Django is ready."""
    events.connect(audit.append)
    subjects.connect_provable(GrantsOfAssignment())
    subjects.connect_leasing(Leases())
    subjects.connect_decidable(RequestItem.NOUN, ItemSubject())
    subjects.connect_decidable(ProposedChange.NOUN, ChangeSubject())
    kinds.connect(SystemEdit(), SystemRetire(), EntitlementNew(), EntitlementEdit(), EntitlementRetire())
    kinds.connect(RulePublish(), RuleRetire(), SeparationPublish(), SeparationRetire())
    kinds.connect(PurposeNew(), PurposeEdit(), PurposeRetire(), BundleNew(), BundleEdit(), BundleRetire())


def readiness_warnings() -> Mapping[str, Callable[[], str | None]]:
    """What readiness says of the organisation: each answers what is wrong in words, or None."""
    return {
        "governance team": _governance_team,
        "approvals": _approvals,
        "break-glass": _break_glass,
        "ownership": _ownership,
        "mail": _mail,
    }


def _governance_team() -> str | None:
    return None if governance_is_staffed(timezone.now()) else "fewer than two active members (rule 16)"


def _approvals() -> str | None:
    count = ApprovalStep.objects.unasked().count()
    return f"{count} open without anybody eligible to decide (rule 15)" if count else None


def _break_glass() -> str | None:
    count = without_reviewer(timezone.now())
    return f"{count} ended without anybody who may review or close it (rules 11 and 15)" if count else None


def _ownership() -> str | None:
    count = unowned(timezone.now())
    return f"{count} without an active owner or backup owner (rule 1)" if count else None


def _mail() -> str | None:
    count = undelivered(timezone.now())
    return f"{count} letters late or given up" if count else None
