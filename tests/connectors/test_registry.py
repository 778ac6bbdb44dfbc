import sys
from pathlib import Path

import pytest

from governance.connectors import registry
from governance.connectors.interface import Capability, Refused
from governance.connectors.postgres import PostgresConnector
from governance.core.errors import Invalid

PLUGIN = '''
from governance.connectors.interface import Capability, Connector, Deadlines, Observation, Observed
from governance.connectors.settings import Settings


class Ledger(Connector):
    """A list in memory."""

    capabilities = frozenset({Capability.WRITE, Capability.OBSERVE})
    deadlines = Deadlines()

    def __init__(self, name):
        self.name, self.held = name, set()

    @classmethod
    def from_settings(cls, settings):
        reader = Settings(settings)
        made = cls(reader.text("name") + settings.get("suffix", ""))
        reader.finish()
        return made

    def ensure_present(self, login, entitlement):
        self.held.add((login, entitlement))
        return "written"

    def ensure_absent(self, login, entitlement):
        self.held.discard((login, entitlement))
        return "struck out"

    def observe(self, login, entitlement):
        held = (login, entitlement) in self.held
        return Observed(Observation.PRESENT if held else Observation.ABSENT, b"", "list", self.name, "")

    def check(self):
        return "fine"


class NotOne:
    """No connector."""
'''
ENTRY_POINTS = """
[leasehold.connectors]
ledger = ledger_connector:Ledger
missing = ledger_connector:Missing
not_one = ledger_connector:NotOne
postgres = ledger_connector:Ledger
"""


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed package that brings connectors, one of them under a name that is taken."""
    (tmp_path / "ledger_connector.py").write_text(PLUGIN)
    metadata = tmp_path / "ledger_connector-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: ledger-connector\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(ENTRY_POINTS)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "ledger_connector", raising=False)


class TestPlugins:
    def test_of_installed_packages_are_found_beside_our_own(self, ledger: None) -> None:
        assert {"postgres", "portal", "ledger"} <= set(registry.plugins())

    def test_work_through_the_same_interface(self, ledger: None) -> None:
        connector = registry.make("ledger", {"name": "the book"})
        assert Capability.WRITE in connector.capabilities
        connector.ensure_present("ada", "reader")
        assert connector.observe("ada", "reader").observation == "present"

    def test_say_what_is_wrong_with_their_settings(self, ledger: None) -> None:
        with pytest.raises(Invalid, match="colour: is not a setting"):
            registry.make("ledger", {"name": "x", "colour": "red"})

    def test_that_break_over_their_settings_are_refused(self, ledger: None) -> None:
        """Anything else would end the worker's turn at the task each time, and nobody would be told."""
        with pytest.raises(Refused, match="ledger broke over its settings: TypeError"):
            registry.make("ledger", {"name": "x", "suffix": 5})

    def test_do_not_take_the_place_of_ours(self, ledger: None) -> None:
        assert registry.connector_class("postgres") is PostgresConnector

    def test_that_are_missing_are_refused_with_the_names_there_are(self) -> None:
        with pytest.raises(Refused, match="No connector is called nonsense; there are manual, portal, postgres, scim"):
            registry.make("nonsense", {})

    @pytest.mark.parametrize(("name", "why"), [("missing", "can't be loaded"), ("not_one", "is no subclass")])
    def test_that_are_broken_are_refused(self, ledger: None, name: str, why: str) -> None:
        with pytest.raises(Refused, match=why):
            registry.make(name, {})
