"""What there is to see after each step: a handful of queries of the machine's own, none of them the product's."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from governance.grants.states import OVER, STANDING, UNPROVEN, WAITING
from governance.provisioning.states import OPEN_TASKS
from tests.rules.machine.prepared import Prepared


class Lease(NamedTuple):
    """A grant."""

    id: UUID
    number: int
    holder: UUID
    what: UUID
    why: UUID
    owner: UUID
    assignment: UUID | None
    state: str
    reason: str
    starts_at: datetime
    ends_at: datetime

    @property
    def waiting(self) -> bool:
        return self.state in WAITING

    @property
    def standing(self) -> bool:
        return self.state in STANDING

    @property
    def unproven(self) -> bool:
        return self.state in UNPROVEN

    @property
    def over(self) -> bool:
        return self.state in OVER


class Step(NamedTuple):
    """A step that is open, or returned with a question.

    `asked` are those who are asked for it, `out` all of whose own access it is or who have had a hand in it.
    """

    id: UUID
    state: str
    kind: str
    item: UUID
    request: UUID
    requester: UUID
    beneficiary: UUID
    question: UUID | None
    asked: list[UUID]
    out: list[UUID]


class Pending(NamedTuple):
    """An item that waits for its outcome, with its request."""

    request: UUID
    requester: UUID
    beneficiary: UUID
    what: UUID
    why: UUID


class Level(NamedTuple):
    """An assignment: what is wanted of it, and the task that was made for it last."""

    id: UUID
    login: str
    key: str
    wanted: bool
    generation: int
    task: UUID
    operation: str
    task_state: str
    due_at: datetime
    claimed_until: datetime | None

    def is_due(self, now: datetime) -> bool:
        """Whether a worker may take the task up."""
        return (
            self.task_state in OPEN_TASKS
            and self.due_at <= now
            and not (self.claimed_until and self.claimed_until > now)
        )


class Somebody(NamedTuple):
    """An identity, who answers for it now in any role, and who as its owner."""

    id: UUID
    state: str
    ends_at: datetime | None
    answering: list[UUID]
    owners: list[UUID]

    def acts(self, now: datetime) -> bool:
        return self.state == "active" and (self.ends_at is None or self.ends_at > now)

    def is_due(self, now: datetime) -> bool:
        """Whether the last day has passed, and nobody has noticed yet."""
        return self.state != "ended" and self.ends_at is not None and self.ends_at <= now


@dataclass(frozen=True, slots=True)
class Seen:
    """Everything at one moment, in the order in which it came to be."""

    grants: Mapping[UUID, Lease]
    steps: list[Step]
    pending: list[Pending]
    levels: Mapping[UUID, Level]
    people: Mapping[UUID, Somebody]


GRANTS = Prepared(
    "seen_grants",
    """
    SELECT id, number, identity_id, entitlement_id, purpose_id, accountable_owner_id, assignment_id, state,
           state_reason, starts_at, ends_at
    FROM governance_grant ORDER BY number
""",
)
STEPS = Prepared(
    "seen_steps",
    """
    SELECT step.id, step.state, step.kind, item.id, request.id, request.requester_id, request.beneficiary_id,
           (SELECT id FROM governance_question WHERE step_id = step.id AND answered_at IS NULL),
           array(SELECT identity_id FROM governance_stepapprover
                 WHERE step_id = step.id AND ends_at IS NULL ORDER BY id),
           array(SELECT identity_id FROM governance_ownership
                 WHERE subject_id = request.beneficiary_id AND (ends_at IS NULL OR ends_at > $1)
                 UNION ALL SELECT d.decider_id FROM governance_decision AS d
                 JOIN governance_approvalstep AS other ON other.id = d.step_id AND other.route_id = route.id
                 UNION ALL SELECT actor_id FROM audit_event
                 WHERE at >= route.opened_at AND actor_id IS NOT NULL
                   AND action ~ '^(policy_rule_version|identity|ownership|team_membership)[.]')
           || ARRAY[request.requester_id, request.beneficiary_id]
    FROM governance_approvalstep AS step
    JOIN governance_approvalroute AS route ON route.id = step.route_id
    JOIN governance_requestitem AS item ON item.id = route.subject_id
    JOIN governance_accessrequest AS request ON request.id = item.request_id
    WHERE step.state IN ('open', 'returned') ORDER BY request.number, step.position
""",
)
PENDING = Prepared(
    "seen_pending",
    """
    SELECT request.id, request.requester_id, request.beneficiary_id, item.entitlement_id, request.purpose_id
    FROM governance_requestitem AS item JOIN governance_accessrequest AS request ON request.id = item.request_id
    WHERE item.state = 'pending' ORDER BY request.number
""",
)
LEVELS = Prepared(
    "seen_levels",
    """
    SELECT a.id, account.login, entitlement.key, a.wanted, a.generation, task.id, task.operation, task.state,
           task.next_attempt_at, task.claimed_until
    FROM governance_assignment AS a
    JOIN governance_account AS account ON account.id = a.account_id
    JOIN governance_entitlement AS entitlement ON entitlement.id = a.entitlement_id
    LEFT JOIN LATERAL (SELECT * FROM governance_provisioningtask WHERE assignment_id = a.id
                       ORDER BY generation DESC LIMIT 1) AS task ON true
    ORDER BY a.id
""",
)
PEOPLE = Prepared(
    "seen_people",
    """
    SELECT i.id, i.state, i.ends_at,
           array_remove(array_agg(o.identity_id), NULL),
           array_remove(array_agg(CASE o.role WHEN 'owner' THEN o.identity_id END), NULL)
    FROM governance_identity AS i
    LEFT JOIN governance_ownership AS o ON o.subject_id = i.id
     AND o.starts_at <= $1 AND (o.ends_at IS NULL OR o.ends_at > $1)
    GROUP BY i.id
""",
)


def look(now: datetime) -> Seen:
    """Look at everything."""
    return Seen(
        grants={row[0]: Lease(*row) for row in GRANTS.rows(now)},
        steps=[Step(*row) for row in STEPS.rows(now)],
        pending=[Pending(*row) for row in PENDING.rows(now)],
        levels={row[0]: Level(*row) for row in LEVELS.rows(now)},
        people={row[0]: Somebody(*row) for row in PEOPLE.rows(now)},
    )
