"""All connectors of the portal, held to what is promised of every connector."""

import socket
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest

from config import network
from governance.connectors import conformance
from governance.connectors.interface import Connector, Observation
from governance.connectors.manual import ManualConnector
from governance.connectors.portal import PortalConnector
from governance.connectors.postgres import PostgresConnector
from governance.connectors.scim import ScimConnector
from governance.core.actor import Role
from governance.users.models import PortalRole, User
from tests.harness.governed import Governed
from tests.harness.scim import Answer, Application, Asked, Say, settings

HASTE = {"connect_seconds": 1, "read_seconds": 1, "total_seconds": 2}


@pytest.fixture
def silence() -> Iterator[int]:
    """A port that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=32) as listener:
        yield listener.getsockname()[1]


class Postgres(conformance.PathTarget, conformance.RemoteTarget):
    plugin = PostgresConnector
    settings = {"dsn_env": "TARGET_GOVERNED"}

    def __init__(self, server: Governed, setenv: Callable[[str, str], None], silence: int) -> None:
        self._server, self._setenv, self._silence = server, setenv, silence
        self.secrets = [server.dsn.split(":")[2].split("@")[0], "hunter2"]

    def pair(self) -> tuple[str, str]:
        return self._server.login(), self._server.role()

    def holds(self, login: str, entitlement: str) -> bool:
        return self._server.holds(login, entitlement)

    def give(self, login: str, entitlement: str) -> None:
        self._server.run("GRANT {} TO {}", entitlement, login)

    def give_through_another(self, login: str, entitlement: str) -> None:
        between = self._server.role("between")
        self._server.run("GRANT {} TO {}", entitlement, between)
        self._server.run("GRANT {} TO {}", between, login)

    def missing(self) -> str:
        return "nothing of the kind"

    def unreachable(self) -> Connector:
        return self._at(network.free_port("127.0.0.1"))

    def silent(self) -> Connector:
        return self._at(self._silence)

    def _at(self, port: int) -> Connector:
        self._setenv("TARGET_ELSEWHERE", f"postgresql://ada:hunter2@127.0.0.1:{port}/{quote('a b')}")
        return self.plugin.from_settings({"dsn_env": "TARGET_ELSEWHERE", **HASTE})


class TestPostgres(conformance.Governs, conformance.FollowsPaths, conformance.Remote):
    @pytest.fixture
    def target(self, governed: Governed, monkeypatch: pytest.MonkeyPatch, silence: int) -> Postgres:
        return Postgres(governed, monkeypatch.setenv, silence)


class Scim(conformance.PathTarget, conformance.RemoteTarget):
    plugin = ScimConnector

    def __init__(self, application: Application, silence: int) -> None:
        self.application, self._silence = application, silence
        self.settings = settings(application)
        self.secrets = [application.token]

    def pair(self) -> tuple[str, str]:
        return self.application.user(), self.application.group()

    def holds(self, login: str, entitlement: str) -> bool:
        return login in self.application.members(entitlement)

    def give(self, login: str, entitlement: str) -> None:
        self.application.join(login, entitlement)

    def give_through_another(self, login: str, entitlement: str) -> None:
        self.application.join(self.application.group(login, name="Between"), entitlement, "Group")

    def missing(self) -> str:
        return "nothing of the kind"

    def unreachable(self) -> Connector:
        return self._at(network.free_port("127.0.0.1"))

    def silent(self) -> Connector:
        return self._at(self._silence)

    def _at(self, port: int) -> Connector:
        return self.plugin.from_settings({**self.settings, "base_url": f"http://127.0.0.1:{port}/v2", **HASTE})


class TestScim(conformance.Governs, conformance.FollowsPaths, conformance.Remote):
    @pytest.fixture
    def target(self, scim: Application, silence: int) -> Scim:
        return Scim(scim, silence)


def breaks_off(asked: Asked, say: Say, truly: Callable[[], Answer]) -> Any:
    """Every page of a list but the first is empty."""
    if asked["REQUEST_METHOD"] == "GET" and "startIndex=" in asked["QUERY_STRING"]:
        asked["QUERY_STRING"] = (
            asked["QUERY_STRING"].replace("count=100", "count=1").replace("startIndex=2", "startIndex=9")
        )


class ScimInParts(Scim, conformance.ListTarget):
    def partial(self) -> Connector:
        for _ in range(3):
            self.application.group()
        self.application.faults.append(breaks_off)
        return self.connector()


class TestScimInParts(conformance.Lists):
    @pytest.fixture
    def target(self, lying_scim: Application, silence: int) -> ScimInParts:
        return ScimInParts(lying_scim, silence)

    def test_takes_the_whole_of_a_list_for_the_whole(self, target: ScimInParts) -> None:
        """The proof that the test above can fail for no other reason."""
        login, _ = target.pair()
        assert target.connector().observe(login, target.missing()).observation == Observation.ABSENT


class Portal(conformance.Target):
    plugin = PortalConnector
    settings: dict[str, Any] = {}
    _made = 0

    def pair(self) -> tuple[str, str]:
        self._made += 1
        name = f"ada-{self._made}"
        User.objects.create_user(name, f"{name}@example.org", None, name="Ada")
        return name, Role.AUDITOR

    def holds(self, login: str, entitlement: str) -> bool:
        return PortalRole.objects.filter(user__username=login, role=entitlement).exists()

    def give(self, login: str, entitlement: str) -> None:
        PortalRole.objects.create(user=User.objects.get(username=login), role=entitlement)

    def missing(self) -> str:
        return "nothing of the kind"


@pytest.mark.django_db(transaction=True)
class TestPortal(conformance.Governs):
    @pytest.fixture
    def target(self) -> Portal:
        return Portal()


class Manual(conformance.Target):
    plugin = ManualConnector
    settings = {"grant_instructions": "Hand the badge out.", "revoke_instructions": "Take the badge back."}

    def pair(self) -> tuple[str, str]:
        return "lena", "vault"

    def holds(self, login: str, entitlement: str) -> bool:
        raise AssertionError("nobody but people can see it")

    def give(self, login: str, entitlement: str) -> None:
        raise AssertionError("nobody but people can give it")

    def missing(self) -> str:
        return "nothing of the kind"


class TestManual(conformance.LeavesToPeople):
    @pytest.fixture
    def target(self) -> Manual:
        return Manual()
