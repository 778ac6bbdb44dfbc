"""What a connector is: the one small interface between the portal and the systems it governs.

A connector knows one system and nothing of the portal: no model, no transaction, no clock of the domain. It is made
from settings for one piece of work and thrown away. Its calls may be repeated, may be cut off at any point, and may
run beside a twin; so they bring about a state and never count. docs/connectors.md is the guide for authors.
"""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any, ClassVar, Self

from governance.access.states import Observation
from governance.core.errors import DomainError

__all__ = [
    "AccountName",
    "ByHand",
    "Capability",
    "Connector",
    "ConnectorError",
    "Deadlines",
    "Observation",
    "Observed",
    "Refused",
    "Unreachable",
    "Work",
]


class Capability(StrEnum):
    """What a connector can do. What it does not declare is never asked of it."""

    WRITE = "write"  # ensure_present and ensure_absent change the system
    OBSERVE = "observe"  # observe reads the system itself, not what was written to it
    OTHER_PATHS = "other_paths"  # observe also sees access that stands without a direct assignment


class AccountName(StrEnum):
    """What a connector calls an account by."""

    LOGIN = "login"
    NATIVE_ID = "native_id"  # the system's own immutable id: a login that is renamed or given away leads nowhere else


class ConnectorError(DomainError):
    """A call did not do what it should. The message is for people, and holds no secret."""

    code = "connector_failed"


class Unreachable(ConnectorError):
    """The system did not answer, or asked for patience: trying again later may help.

    `sent` says whether the request may have reached the system. If so, nobody knows whether it was carried out,
    and the next thing to do is to look. A connector that can't tell leaves it at True. `after` is for how many
    seconds the system wants to be left alone, if it has said so.
    """

    code = "system_unreachable"

    def __init__(self, message: str, *, sent: bool = True, after: float = 0.0) -> None:
        super().__init__(message)
        self.sent = sent
        self.after = after


class Refused(ConnectorError):
    """The system answered no, and will until somebody acts: a missing role, a missing right, a wrong setting."""

    code = "system_refused"


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long one call may take, in seconds: to connect, for each answer, and altogether.

    The worker's claim on the task is made to outlive `total`; a connector that lets a call run longer breaks the
    promise that a late call never undoes a newer one.
    """

    connect: float = 3.0
    read: float = 5.0
    total: float = 10.0


@dataclass(frozen=True, slots=True)
class Observed:
    """One look at one direct assignment in the system.

    `answer` is what the system returned, as raw as it is at hand; only its hash is kept. `method` names how it was
    read, `source` where. `paths` are the ways by which access stands without a direct assignment, each a sequence
    of names from what the login holds directly to the entitlement. `detail` says it in words.
    """

    observation: Observation
    answer: bytes
    method: str
    source: str
    detail: str
    paths: tuple[tuple[str, ...], ...] = field(default=())

    @property
    def answer_hash(self) -> str:
        """SHA-256 of the raw answer, in hexadecimal."""
        return hashlib.sha256(self.answer).hexdigest()


class Connector(ABC):
    """Brings direct assignments in one system about, and reads them back.

    `login` is the account's login there, or its immutable id if `accounts_by` says so; `entitlement` is the
    entitlement's key. Every call connects anew, keeps to `deadlines`, and raises Unreachable or Refused. What a write
    answers is never taken as proof.
    """

    capabilities: ClassVar[frozenset[Capability]]
    accounts_by: ClassVar[AccountName] = AccountName.LOGIN
    deadlines: Deadlines

    @classmethod
    @abstractmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Self:
        """A connector for the settings. Connects to nothing. Raises Invalid with a reason for each bad setting."""

    @abstractmethod
    def ensure_present(self, login: str, entitlement: str) -> str:
        """Have the login hold the entitlement directly; nothing changes if it does. Returns the system's answer."""

    @abstractmethod
    def ensure_absent(self, login: str, entitlement: str) -> str:
        """Have the login not hold it directly; nothing changes if it doesn't. Returns the system's answer."""

    @abstractmethod
    def observe(self, login: str, entitlement: str) -> Observed:
        """What the system holds now. Absent only if the answer was complete; in doubt, unknown."""

    @abstractmethod
    def check(self) -> str:
        """Whether the system answers and lets itself be governed, in words. Raises as any call does."""


@dataclass(frozen=True, slots=True)
class Work:
    """What a person is asked to do: in words, and within how long."""

    instructions: str
    term: timedelta


class ByHand(Connector):
    """Stands for a system that no program reaches: people do what `work` says, and others confirm it.

    It declares no capability, so that none of its calls is ever made.
    """

    capabilities: ClassVar[frozenset[Capability]] = frozenset()

    @abstractmethod
    def work(self, *, wanted: bool) -> Work:
        """What there is to do to have an assignment stand, or be gone."""
