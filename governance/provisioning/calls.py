"""One attempt's calls to a system: look first where a change may have happened, change, read back.

Nothing here touches the database, and nothing here may run inside a transaction. It may be cut off at any point;
whoever takes the task up again looks first.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from governance.access.moves import Look
from governance.access.rules import settles
from governance.access.states import Observation
from governance.connectors.interface import Capability, Connector, ConnectorError, Refused, Unreachable
from governance.provisioning.rules import judge
from governance.provisioning.states import AttemptOutcome

logger = logging.getLogger(__name__)

Clock = Callable[[], datetime]

LONGEST_WORDS = 2000
"""Characters of what a system has said that are kept."""


@dataclass(frozen=True, slots=True)
class Job:
    """A claimed task, with everything that its calls need.

    `look_first`: an earlier attempt may have changed the system. `in_doubt`: nobody knows whether one did.
    `connector` is the reason in words where there is none to be had.
    """

    task_id: UUID
    attempt_id: UUID
    assignment_id: UUID
    system_id: UUID
    token: UUID
    claimed_until: datetime
    wanted: bool
    login: str
    entitlement: str
    connector: Connector | Refused
    look_first: bool
    in_doubt: bool


@dataclass(slots=True)
class Evidence:
    """What an attempt has to show: what the call said, what was read back, and when.

    `patience` is for how many seconds the system wants to be left alone.
    """

    said: str = ""
    seen: str = ""
    look: Look | None = None
    called_at: datetime | None = None
    observed_at: datetime | None = None
    refused: bool = False
    in_doubt: bool = False
    patience: float = 0.0

    def outcome(self, *, wanted: bool) -> AttemptOutcome:
        """What it amounts to."""
        observation = self.look.observation if self.look else None
        return judge(observation, wanted=wanted, refused=self.refused, in_doubt=self.in_doubt)

    def words(self) -> str:
        """Both in one sentence, for reasons and errors."""
        told = [f"The call said: {self.said}" if self.said else "", f"Read back: {self.seen}" if self.seen else ""]
        return ". ".join(part for part in told if part) or "Nothing was done"


def perform(job: Job, clock: Clock) -> Evidence:
    """Make the calls of one attempt. Raises nothing that a connector raises: it is in the evidence."""
    evidence = Evidence(in_doubt=job.in_doubt)
    if isinstance(job.connector, Refused):
        evidence.said, evidence.refused = job.connector.message, True
        return evidence
    if job.look_first:
        _look(job, job.connector, evidence, clock)
    if _worth_calling(job, job.connector, evidence, clock):
        _change_and_look(job, job.connector, evidence, clock)
    evidence.said, evidence.seen = _keepable(evidence.said), _keepable(evidence.seen)
    return evidence


def _keepable(words: str) -> str:
    """A system's words as a database can keep them: an answer that can't be recorded would be asked for for ever."""
    whole = words.replace("\0", "\N{REPLACEMENT CHARACTER}").encode(errors="replace").decode()
    return whole[:LONGEST_WORDS]


def _change_and_look(job: Job, connector: Connector, evidence: Evidence, clock: Clock) -> None:
    evidence.look, evidence.seen, evidence.observed_at = None, "", None
    if _change(job, connector, evidence, clock):
        _look(job, connector, evidence, clock)


def _worth_calling(job: Job, connector: Connector, evidence: Evidence, clock: Clock) -> bool:
    """Whether the change is still to be made: not if it stands, not blindly, and not so late that it could overlap."""
    if Capability.WRITE not in connector.capabilities:
        evidence.said, evidence.refused = "This connector changes nothing.", True
        return False
    if clock() + timedelta(seconds=connector.deadlines.total) > job.claimed_until:
        evidence.said = "Not called: the claim had run out."
        return False
    if not job.look_first:
        return True
    seen = evidence.look.observation if evidence.look else Observation.UNKNOWN
    return seen != Observation.UNKNOWN and not settles(seen, wanted=job.wanted)


def _change(job: Job, connector: Connector, evidence: Evidence, clock: Clock) -> bool:
    """Make the change. Answers whether there is anything to read back: not if the system was never reached."""
    before = evidence.in_doubt
    evidence.called_at = clock()
    evidence.in_doubt = True
    act = connector.ensure_present if job.wanted else connector.ensure_absent
    try:
        evidence.said = act(job.login, job.entitlement)
    except Refused as refused:
        evidence.said, evidence.refused, evidence.in_doubt = refused.message, True, before
    except Unreachable as unreachable:
        evidence.said = unreachable.message
        evidence.in_doubt = unreachable.sent or before
        evidence.patience = max(evidence.patience, unreachable.after)
        return evidence.in_doubt
    except Exception as error:
        logger.exception("connector broke while changing", extra={"task_id": str(job.task_id)})
        evidence.said = f"The connector broke: {_named(error)}"
    return True


def _look(job: Job, connector: Connector, evidence: Evidence, clock: Clock) -> None:
    """Read back. Without an answer the evidence has no look, only the reason."""
    if Capability.OBSERVE not in connector.capabilities:
        evidence.seen = "This connector can't read back."
        return
    try:
        observed = connector.observe(job.login, job.entitlement)
        evidence.observed_at = clock()
        evidence.look = Look(
            observation=Observation(observed.observation),
            at=evidence.observed_at,
            method=observed.method,
            source=_keepable(observed.source),
            answer_hash=observed.answer_hash,
            detail=_keepable(observed.detail),
            paths=tuple(tuple(_keepable(name) for name in path) for path in observed.paths),
        )
        evidence.seen = f"{evidence.look.observation.label.lower()}: {observed.detail}"
        evidence.in_doubt = evidence.in_doubt and observed.observation == Observation.UNKNOWN
    except ConnectorError as error:
        evidence.seen = f"no answer: {error.message}"
        evidence.patience = max(evidence.patience, getattr(error, "after", 0.0))
    except Exception as error:
        logger.exception("connector broke while reading back", extra={"task_id": str(job.task_id)})
        evidence.seen = f"the connector broke: {_named(error)}"


def _named(error: Exception) -> str:
    """The error's kind alone: what it says was not written for people, may hold a secret, and records last."""
    return f"{type(error).__name__}; the worker's log has the rest"
