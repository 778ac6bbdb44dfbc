"""Who has had a hand in whom a route asks, or in what it rests on, since it opened; read from the log.

If this is wrong, whoever makes themselves the one who is asked decides (rule 2).
"""

from collections.abc import Iterable
from typing import Final
from uuid import UUID

from django.db.models import Q, QuerySet

from governance.approvals.models import ApprovalRoute, Reassignment, StepApprover
from governance.audit.models import AuditEvent
from governance.catalog.models import BundleVersion, CatalogApplication
from governance.core.actor import ActorKind
from governance.identities.models import Identity, Ownership, Team, TeamMembership
from governance.identities.queries import GOVERNANCE_TEAM, SECURITY_TEAM, managing
from governance.policy.models import PolicyRuleVersion
from governance.separation.models import SeparationRuleVersion
from governance.separation.sides import named_bundles

PROPOSED: Final = "proposed_change.proposed"
APPLIED: Final = "proposed_change.applied"
"""What the log calls the two ends of a change that came about; changes are above this package."""

FILES_APPLIED: Final = f"{CatalogApplication.NOUN}.created"


def changers(route: ApprovalRoute) -> Iterable[UUID]:
    """Who has changed, since the route opened, whom it asks or could ask, or the policy it rests on (rule 2).

    What a proposed change has done was done by its proposer as well as by whoever said the last yes; what files have
    done, by whoever applied them; what a feed of people has done, by whoever handed it in and accepted it.
    """
    made = AuditEvent.objects.filter(Q(subject_id__in=_watched(route)) | _policy(), at__gte=route.opened_at)
    givers = Reassignment.objects.filter(step__route=route).values_list("giver", flat=True)
    return filter(None, made.values_list("actor_id", flat=True).union(*_behind(made), givers))


def _watched(route: ApprovalRoute) -> frozenset[UUID]:
    """Whom the route is about, asks, has asked or could ask, who manages those, and what makes them the ones.

    Also who has only been so at a moment since it opened: whoever is taken away before they are asked.
    """
    steps = route.steps.all()
    targets = list(steps.values_list("target_kind", "target_id"))
    if route.beneficiary_id:
        targets.append((Identity.NOUN, route.beneficiary_id))
    owned = Ownership.objects.filter(subject_id__in={pk for _, pk in targets})
    named = [pk for kind, pk in targets if kind == Team.NOUN]
    teams = Q(team__in=owned.values("team")) | Q(team__in=named) | Q(team__key__in=[GOVERNANCE_TEAM, SECURITY_TEAM])
    joined = TeamMembership.objects.filter(teams)
    asked = StepApprover.objects.filter(step__in=steps)
    near = asked.values_list("identity", flat=True).union(
        asked.values_list("on_behalf_of", flat=True),
        owned.values_list("pk", flat=True),
        owned.unended(route.opened_at).values_list("identity", flat=True),
        joined.values_list("pk", flat=True),
        joined.unended(route.opened_at).values_list("identity", flat=True),
    )
    found = frozenset(filter(None, near)).union(pk for kind, pk in targets if kind == Identity.NOUN)
    return found | managing(found, route.opened_at)


def _policy() -> Q:
    """What was done to policy, and to what separation rests on."""
    kept_apart = BundleVersion.objects.filter(bundle__in=named_bundles())
    return (
        Q(action__startswith=f"{PolicyRuleVersion.NOUN}.")
        | Q(action__startswith=f"{SeparationRuleVersion.NOUN}.")
        | Q(action__startswith=f"{BundleVersion.NOUN}.", subject_id__in=kept_apart.values("pk"))
    )


def _behind(made: "QuerySet[AuditEvent]") -> "Iterable[QuerySet[AuditEvent, UUID | None]]":
    """Who proposed the change, applied the files, or said yes to what the portal carried out, that made these events.

    What a change or files do has its moment; what the portal carries out is named by the event itself.
    """
    there = AuditEvent.objects.filter(at__in=made.values("at"))
    proposed = AuditEvent.objects.filter(
        action=PROPOSED, subject_id__in=there.filter(action=APPLIED).values("subject_id")
    )
    errands = made.filter(actor_kind=ActorKind.SYSTEM, actor_id__isnull=False)
    ordered = AuditEvent.objects.filter(subject_id__in=errands.values("actor_id"))
    return (one.values_list("actor_id", flat=True) for one in (proposed, there.filter(action=FILES_APPLIED), ordered))
