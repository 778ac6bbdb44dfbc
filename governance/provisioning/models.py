from typing import Any, ClassVar

from django.db import models
from django.db.models import F, Q

from governance.access.models import Assignment, Verification
from governance.core.models import Governed, Record, Recorded
from governance.identities.models import Identity
from governance.provisioning import querysets
from governance.provisioning.states import (
    MANUAL_MOVES,
    MOVES,
    OPEN_TASKS,
    TO_DO,
    WAITING,
    AttemptOutcome,
    ManualState,
    Operation,
    TaskState,
)


class ProvisioningTask(Recorded):
    """One operation to bring an assignment to what is wanted, and the outbox row the workers drain.

    While it is running, nobody knows whether the system has been changed. `claimed_until` is the moment from which
    the worker with the `claim_token` can't be calling any more; it stays when the task is superseded, because the
    next one must not call before.
    """

    NOUN = "provisioning_task"
    LABEL = "{operation} {assignment}"
    MOVES = MOVES

    assignment = models.ForeignKey(Assignment, on_delete=models.PROTECT, related_name="tasks")
    operation = models.CharField(max_length=16, choices=Operation.choices)
    generation = models.PositiveBigIntegerField()
    state = models.CharField(max_length=16, choices=TaskState.choices, default=TaskState.QUEUED)
    attempts_made = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField()
    claimed_until = models.DateTimeField(null=True)
    claim_token = models.UUIDField(null=True)
    escalated_at = models.DateTimeField(null=True)
    last_error = models.TextField(blank=True)
    created_at = models.DateTimeField()

    objects = querysets.TaskQuerySet.as_manager()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["next_attempt_at"], name="tasks_due", condition=Q(state__in=sorted(OPEN_TASKS))),
            models.Index(fields=["claimed_until"], name="tasks_claimed", condition=Q(claimed_until__isnull=False)),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(state__in=TaskState.values), name="task_state_is_known"),
            models.UniqueConstraint(fields=["assignment", "generation"], name="one_task_per_generation"),
            models.UniqueConstraint(
                fields=["assignment"],
                condition=Q(state__in=sorted(OPEN_TASKS)),
                name="one_open_task_per_assignment",
            ),
            models.CheckConstraint(
                condition=~Q(state=TaskState.DEAD, operation=Operation.REVOKE),
                name="rule_04_a_removal_never_dies",
            ),
            models.CheckConstraint(
                condition=~Q(state=TaskState.RUNNING) | Q(claimed_until__isnull=False, claim_token__isnull=False),
                name="running_task_is_claimed",
            ),
        ]

    @property
    def idempotency_key(self) -> str:
        """The same for every attempt at one generation of one assignment."""
        return f"{self.assignment_id}:{self.generation}"

    def facts(self) -> dict[str, Any]:
        """Which assignment it drives, where to, and at which generation."""
        return {
            "assignment_id": str(self.assignment_id),
            "operation": self.operation,
            "generation": self.generation,
        }


class TaskAttempt(Record):
    """One try at a task: when it was claimed, called, read back and recorded, and how it went.

    `said` is what the call answered and `seen` what the reading back showed, in words; the one never stands for
    the other. Without an `outcome` it is under way, or its worker has died.
    """

    task = models.ForeignKey(ProvisioningTask, on_delete=models.PROTECT, related_name="attempts")
    number = models.PositiveIntegerField()
    claim_token = models.UUIDField()
    started_at = models.DateTimeField()
    called_at = models.DateTimeField(null=True)
    observed_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=16, choices=AttemptOutcome.choices, blank=True)
    said = models.TextField(blank=True)
    seen = models.TextField(blank=True)
    verification = models.OneToOneField(Verification, null=True, on_delete=models.PROTECT, related_name="attempt")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["task", "number"], name="one_row_per_attempt"),
            models.CheckConstraint(
                condition=Q(finished_at__isnull=True) | Q(finished_at__gte=F("started_at")),
                name="attempt_ends_after_it_starts",
            ),
            models.CheckConstraint(
                condition=Q(outcome__in=["", *AttemptOutcome.values]), name="attempt_outcome_is_known"
            ),
        ]

    def __str__(self) -> str:
        return f"Attempt {self.number} of {self.task_id}"


class ManualTask(Governed):
    """What a provisioning task asks of people where no program reaches the system.

    Somebody does it and shows evidence, somebody else judges that. Who may is in `permissions`; each time it is done
    anew there is another file, and `evidence` is the latest.
    """

    NOUN = "manual_task"
    LABEL = "{task}"
    MOVES = MANUAL_MOVES

    task = models.OneToOneField(ProvisioningTask, on_delete=models.PROTECT, related_name="manual_task")
    state = models.CharField(max_length=16, choices=ManualState.choices, default=ManualState.OPEN)
    instructions = models.TextField()
    opened_at = models.DateTimeField()
    due_at = models.DateTimeField()
    escalated_at = models.DateTimeField(null=True)
    doer = models.ForeignKey(Identity, null=True, on_delete=models.PROTECT, related_name="manual_work")
    done_at = models.DateTimeField(null=True)
    report = models.TextField(blank=True)
    evidence = models.ForeignKey("ManualEvidence", null=True, on_delete=models.PROTECT, related_name="+")
    judge = models.ForeignKey(Identity, null=True, on_delete=models.PROTECT, related_name="manual_judgements")
    judged_at = models.DateTimeField(null=True)
    judgement = models.TextField(blank=True)

    objects = querysets.ManualTaskQuerySet.as_manager()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["due_at", "id"], name="manual_tasks_due", condition=Q(state__in=sorted(WAITING))),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(state__in=ManualState.values), name="manual_state_is_known"),
            models.CheckConstraint(
                condition=Q(state__in=[*sorted(TO_DO), ManualState.CLOSED])
                | Q(doer__isnull=False, done_at__isnull=False, evidence__isnull=False),
                name="manual_work_has_a_doer_and_evidence",
            ),
            models.CheckConstraint(
                condition=~Q(state=ManualState.CONFIRMED) | Q(judge__isnull=False, judged_at__isnull=False),
                name="manual_confirmation_has_a_judge",
            ),
            models.CheckConstraint(
                condition=~Q(state=ManualState.CONFIRMED) | ~Q(judge=F("doer")),
                name="nobody_confirms_their_own_work",
            ),
        ]

    def facts(self) -> dict[str, Any]:
        """Which provisioning task it serves, and by when."""
        return {"provisioning_task_id": str(self.task_id), "due_at": self.due_at.isoformat()}


class ManualEvidence(Record):
    """A file that shows what somebody has done; it is never changed. `kept_as` is its name in the storage.

    `media_type` is what its own first bytes say it is, never what was claimed; `sha256` is in hexadecimal.
    """

    manual_task = models.ForeignKey(ManualTask, on_delete=models.PROTECT, related_name="files")
    name = models.CharField(max_length=200)
    kept_as = models.CharField(max_length=200, unique=True)
    media_type = models.CharField(max_length=64)
    size = models.PositiveBigIntegerField()
    sha256 = models.CharField(max_length=64)
    giver = models.ForeignKey(Identity, on_delete=models.PROTECT, related_name="given_evidence")
    given_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name
