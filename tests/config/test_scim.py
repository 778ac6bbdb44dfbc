"""The demonstration's SCIM application keeps what was granted: a restart must not take it away."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
import pytest

from config.embedded.place import Place, temporary
from config.embedded.scim import Scim
from config.embedded.supervisor import supervising
from tests.harness.scim import Application

TOKEN = "a token for tests"


@contextmanager
def running(place: Place) -> Iterator[Application]:
    with supervising(place) as supervisor:
        server = Scim(place, TOKEN)
        supervisor.start_servers(server)
        yield Application(server.url, TOKEN)


@pytest.fixture
def place() -> Iterator[Place]:
    with temporary() as place:
        yield place


class TestScim:
    def test_knows_after_a_restart_what_it_knew_before(self, place: Place) -> None:
        with running(place) as application:
            user, gone = application.user("lena"), application.user("gone")
            group = application.group(gone)
            application.join(user, group)
            application.ask("DELETE", f"/Users/{gone}")
            before = application.ask("GET", f"/Groups/{group}")
        with running(place) as application:
            after = application.ask("GET", f"/Groups/{group}")
            assert after["members"] == before["members"]
            assert after["meta"]["version"] == before["meta"]["version"]
            with pytest.raises(httpx2.HTTPStatusError, match="404"):
                application.ask("GET", f"/Users/{gone}")
            application.join(application.user("tomas"), group)
            changed = application.ask("GET", f"/Groups/{group}")
            assert changed["meta"]["version"] != before["meta"]["version"]

    def test_answers_nobody_without_the_token_and_shows_it_to_nobody(self, place: Place) -> None:
        with running(place) as application:
            answer = httpx2.get(f"{application.url}/Users", trust_env=False)
            assert answer.status_code == 401
            assert TOKEN not in " ".join(Scim(place, TOKEN).program().arguments)
