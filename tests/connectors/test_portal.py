import pytest

from governance.access.states import Observation
from governance.connectors.interface import Refused
from governance.connectors.portal import PortalConnector
from governance.core.errors import Invalid
from governance.users.models import PortalRole, User

pytestmark = pytest.mark.django_db


@pytest.fixture
def connector() -> PortalConnector:
    return PortalConnector.from_settings({})


@pytest.fixture
def ada() -> User:
    return User.objects.create_user("ada", "ada@example.org", None, name="Ada")


class TestPortalConnector:
    def test_writes_and_reads_the_row_of_a_role(self, connector: PortalConnector, ada: User) -> None:
        assert connector.observe("ada", "auditor").observation == Observation.ABSENT
        assert connector.ensure_present("ada", "auditor") == "Role added"
        assert connector.ensure_present("ada", "auditor") == "Role was there"
        assert connector.observe("ada", "auditor").observation == Observation.PRESENT
        assert PortalRole.objects.get().user == ada

    def test_takes_one_role_and_leaves_the_others(self, connector: PortalConnector, ada: User) -> None:
        connector.ensure_present("ada", "auditor")
        connector.ensure_present("ada", "security")
        assert connector.ensure_absent("ada", "auditor") == "Role removed"
        assert connector.ensure_absent("ada", "auditor") == "Role was not there"
        assert b'"roles":["security"]' in connector.observe("ada", "auditor").answer

    def test_knows_no_other_roles(self, connector: PortalConnector, ada: User) -> None:
        with pytest.raises(Refused, match="has no role emperor"):
            connector.ensure_present("ada", "emperor")

    def test_refuses_who_may_not_sign_in(self, connector: PortalConnector, ada: User) -> None:
        ada.is_active = False
        ada.save()
        with pytest.raises(Refused, match="no active user ada"):
            connector.ensure_present("ada", "auditor")

    def test_takes_the_role_of_who_may_not_sign_in(self, connector: PortalConnector, ada: User) -> None:
        connector.ensure_present("ada", "auditor")
        ada.is_active = False
        ada.save()
        connector.ensure_absent("ada", "auditor")
        assert not PortalRole.objects.exists()

    def test_answers_when_asked_how_it_is(self, connector: PortalConnector) -> None:
        assert connector.check() == "0 roles are held"

    def test_has_no_settings_but_deadlines(self) -> None:
        assert PortalConnector.from_settings({"total_seconds": 7}).deadlines.total == 7
        with pytest.raises(Invalid, match="dsn_env"):
            PortalConnector.from_settings({"dsn_env": "TARGET_X"})
        with pytest.raises(Invalid, match="must not be less"):
            PortalConnector.from_settings({"total_seconds": 1})
