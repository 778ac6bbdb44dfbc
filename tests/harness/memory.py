"""A system that exists in memory alone, for tests of leases: what workers do to it, and what it holds."""

from importlib import import_module
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.provisioning.things import Scripted


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> "Scripted":
    """Every system of the test: what leases rest on is told of each attempt, as in the product."""
    scripted: Scripted = import_module("tests.provisioning.things").Scripted()
    monkeypatch.setattr("governance.provisioning.actions.connector_of", lambda system_id: scripted)
    return scripted
