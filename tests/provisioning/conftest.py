"""Models are imported where they are used: this file is read before Django is set up."""

from typing import TYPE_CHECKING

import pytest

from tests.harness.governed import _governed_server, governed
from tests.harness.scim import lying_scim

if TYPE_CHECKING:
    from tests.provisioning.things import Clock, Scripted, Told

__all__ = ["_governed_server", "governed", "lying_scim"]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> "Told":
    """What rests on assignments, in the place of leases."""
    from tests.provisioning.things import Told  # noqa: PLC0415

    told = Told()
    monkeypatch.setattr("governance.core.subjects._provable", told)
    return told


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch, told: "Told") -> "Scripted":
    """A system in memory, reached by every task."""
    from tests.provisioning.things import Scripted  # noqa: PLC0415

    scripted = Scripted()
    monkeypatch.setattr("governance.provisioning.actions.connector_of", lambda system_id: scripted)
    return scripted


@pytest.fixture
def clock() -> "Clock":
    from tests.provisioning.things import Clock  # noqa: PLC0415

    return Clock()
