import pytest

from governance.audit.models import AuditEvent
from governance.connectors import moves, queries
from governance.connectors.interface import Refused
from governance.connectors.models import ConnectorConfiguration
from governance.connectors.postgres import PostgresConnector
from governance.core.errors import Invalid
from governance.core.locking import unit_of_work
from tests.provisioning.things import BY, a_system

pytestmark = pytest.mark.django_db


class TestConnect:
    def test_keeps_the_name_of_the_secret_and_never_the_secret(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TARGET_SECRET", "host=/nowhere password=hunter2")
        system = a_system("postgres", {"dsn_env": "TARGET_SECRET"})
        assert ConnectorConfiguration.objects.get().settings == {"dsn_env": "TARGET_SECRET"}
        assert AuditEvent.objects.filter(action="connector.created").count() == 1
        assert isinstance(queries.connector_of(system.pk), PostgresConnector)

    def test_refuses_settings_that_can_not_work(self) -> None:
        system = a_system()
        with pytest.raises(Invalid) as refusal, unit_of_work():
            moves.connect(system, "postgres", {"dsn_env": "TARGET_UNSET"}, **BY)
        assert set(refusal.value.fields) == {"dsn_env"}
        with pytest.raises(Invalid) as refusal, unit_of_work():
            moves.connect(system, "nonsense", {}, **BY)
        assert set(refusal.value.fields) == {"plugin"}


class TestConnectorOf:
    def test_a_system_without_one_says_so(self) -> None:
        with pytest.raises(Refused, match="No connector is configured"):
            queries.connector_of(a_system().pk)
