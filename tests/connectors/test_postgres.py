import json
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp
from urllib.parse import parse_qs, quote, urlsplit

import psycopg
import pytest

from governance.access.states import Observation
from governance.connectors.interface import Refused, Unreachable
from governance.connectors.postgres import PostgresConnector
from governance.core.errors import Invalid
from tests.harness.governed import Governed
from tests.harness.wire import breaking

SOCKET = ".s.PGSQL.5432"


@pytest.fixture
def connector(governed: Governed) -> PostgresConnector:
    return PostgresConnector.from_settings({"dsn_env": "TARGET_GOVERNED"})


@pytest.fixture
def socket_directory() -> Iterator[Path]:
    directory = Path(mkdtemp(prefix="w"))
    yield directory
    for left in directory.iterdir():
        left.unlink()
    directory.rmdir()


def server_socket(governed: Governed) -> Path:
    return Path(parse_qs(urlsplit(governed.dsn).query)["host"][0]) / SOCKET


def over_a_wire(governed: Governed, here: Path, monkeypatch: pytest.MonkeyPatch) -> PostgresConnector:
    address = urlsplit(governed.dsn)
    monkeypatch.setenv("TARGET_WIRE", address._replace(query=f"host={quote(str(here), safe='')}").geturl())
    seconds = {"connect_seconds": 1, "read_seconds": 1, "total_seconds": 1}
    return PostgresConnector.from_settings({"dsn_env": "TARGET_WIRE", **seconds})


class TestSettings:
    def test_say_what_is_wrong_with_each(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TARGET_BROKEN", "host=a password=secret nonsense=1")
        settings = {"dsn_env": "TARGET_BROKEN", "read_seconds": -1, "total_seconds": "long", "colour": "red"}
        with pytest.raises(Invalid) as refusal:
            PostgresConnector.from_settings(settings)
        assert set(refusal.value.fields) == {"dsn_env", "read_seconds", "total_seconds", "colour"}
        assert "secret" not in refusal.value.message

    @pytest.mark.parametrize("settings", [{}, {"dsn_env": ""}, {"dsn_env": 5}, {"dsn_env": "TARGET_UNSET"}])
    def test_need_an_address(self, settings: dict[str, object]) -> None:
        with pytest.raises(Invalid, match="dsn_env"):
            PostgresConnector.from_settings(settings)

    def test_do_not_reach_the_secrets_of_the_portal(self) -> None:
        with pytest.raises(Invalid, match="SECRET_KEY does not begin with TARGET_"):
            PostgresConnector.from_settings({"dsn_env": "SECRET_KEY"})

    def test_name_one_server(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TARGET_TWO", "host=one,two dbname=x")
        with pytest.raises(Invalid, match="one server"):
            PostgresConnector.from_settings({"dsn_env": "TARGET_TWO"})


class TestEnsurePresent:
    def test_makes_a_direct_member_under_names_that_need_quoting(
        self, governed: Governed, connector: PostgresConnector
    ) -> None:
        login, role = governed.login('Robert"; DROP ROLE x; --'), governed.role("Ändern, alles")
        assert connector.ensure_present(login, role) == "GRANT ROLE"
        assert governed.holds(login, role)

    def test_changes_nothing_the_second_time(self, governed: Governed, connector: PostgresConnector) -> None:
        login, role = governed.login(), governed.role()
        connector.ensure_present(login, role)
        connector.ensure_present(login, role)
        assert governed.holds(login, role)

    def test_refuses_a_login_that_does_not_exist(self, governed: Governed, connector: PostgresConnector) -> None:
        with pytest.raises(Refused, match="has no role nobody at all"):
            connector.ensure_present("nobody at all", governed.role())

    def test_refuses_a_role_that_does_not_exist(self, governed: Governed, connector: PostgresConnector) -> None:
        with pytest.raises(Refused, match="has no role no such role"):
            connector.ensure_present(governed.login(), "no such role")

    def test_refuses_superusers(self, governed: Governed, connector: PostgresConnector) -> None:
        chief = governed.role("chief", options="SUPERUSER LOGIN")
        with pytest.raises(Refused, match="is a superuser"):
            connector.ensure_present(governed.login(), chief)
        with pytest.raises(Refused, match="is a superuser"):
            connector.ensure_present(chief, governed.role())

    def test_refuses_a_role_that_leads_to_a_superuser(self, governed: Governed, connector: PostgresConnector) -> None:
        chief, deputy = governed.role("chief", options="SUPERUSER"), governed.role("deputy")
        governed.run("GRANT {} TO {}", chief, deputy)
        with pytest.raises(Refused, match=f"is a member of {chief}"):
            connector.ensure_present(governed.login(), deputy)

    def test_says_when_it_has_not_the_right(self, governed: Governed, monkeypatch: pytest.MonkeyPatch) -> None:
        weak = governed.role("weak", options="LOGIN PASSWORD 'weak'")
        address = urlsplit(governed.dsn)
        dsn = f"postgresql://{quote(weak)}:weak@{address.path}?{address.query}"
        monkeypatch.setenv("TARGET_WEAK", dsn)
        connector = PostgresConnector.from_settings({"dsn_env": "TARGET_WEAK"})
        with pytest.raises(Refused, match="permission denied"):
            connector.ensure_present(governed.login(), governed.role())


class TestEnsureAbsent:
    def test_revokes(self, governed: Governed, connector: PostgresConnector) -> None:
        login, role = governed.login(), governed.role()
        governed.run("GRANT {} TO {}", role, login)
        assert connector.ensure_absent(login, role) == "REVOKE ROLE"
        assert not governed.holds(login, role)

    def test_revokes_what_several_have_granted(self, governed: Governed, connector: PostgresConnector) -> None:
        login, role, second = governed.login(), governed.role(), governed.role("grantor")
        governed.run("GRANT {} TO {} WITH ADMIN OPTION", role, second)
        governed.run("GRANT {} TO {}", role, login)
        governed.run("GRANT {} TO {} GRANTED BY {}", role, login, second)
        assert f"granted by {second}, target_admin" in connector.observe(login, role).detail
        connector.ensure_absent(login, role)
        assert connector.observe(login, role).observation == Observation.ABSENT

    def test_does_not_take_from_others_what_they_hold_by_it(
        self, governed: Governed, connector: PostgresConnector
    ) -> None:
        login, role, other = governed.login(), governed.role(), governed.login()
        governed.run("GRANT {} TO {} WITH ADMIN OPTION", role, login)
        governed.run("GRANT {} TO {} GRANTED BY {}", role, other, login)
        with pytest.raises(Refused, match="dependent privileges exist"):
            connector.ensure_absent(login, role)
        assert governed.holds(login, role)
        assert governed.holds(other, role)

    def test_has_nothing_to_do_for_a_login_that_is_gone(self, connector: PostgresConnector) -> None:
        assert "Nothing to revoke" in connector.ensure_absent("gone", "also gone")


class TestObserve:
    def test_is_present_only_for_a_direct_member(self, governed: Governed, connector: PostgresConnector) -> None:
        login, role = governed.login(), governed.role()
        assert connector.observe(login, role).observation == Observation.ABSENT
        governed.run("GRANT {} TO {}", role, login)
        seen = connector.observe(login, role)
        assert seen.observation == Observation.PRESENT
        assert seen.method == "pg_auth_members"
        assert json.loads(seen.answer)["grantors"] == [{"grantor": "target_admin"}]
        assert len(seen.answer_hash) == 64

    def test_names_every_other_path(self, governed: Governed, connector: PostgresConnector) -> None:
        login, role, near, far = governed.login(), governed.role(), governed.role("near"), governed.role("far")
        governed.run("GRANT {} TO {}", role, near)
        governed.run("GRANT {} TO {}", near, far)
        governed.run("GRANT {}, {} TO {}", near, far, login)
        seen = connector.observe(login, role)
        assert seen.observation == Observation.OTHER_PATH
        assert seen.paths == ((near, role), (far, near, role))
        assert f"{login} → {far} → {near} → {role}" in seen.detail

    def test_does_not_call_a_superuser_without_access(self, governed: Governed, connector: PostgresConnector) -> None:
        chief = governed.role("chief", options="SUPERUSER LOGIN")
        assert connector.observe(chief, governed.role()).observation == Observation.OTHER_PATH

    def test_does_not_call_the_owner_of_a_database_without_access(
        self, governed: Governed, connector: PostgresConnector
    ) -> None:
        login = governed.login()
        governed.run("ALTER DATABASE target OWNER TO {}", login)
        try:
            assert connector.observe(login, "pg_database_owner").observation == Observation.OTHER_PATH
        finally:
            governed.run("ALTER DATABASE target OWNER TO target_admin")

    def test_is_absent_for_what_does_not_exist(self, governed: Governed, connector: PostgresConnector) -> None:
        seen = connector.observe("gone", governed.role())
        assert seen.observation == Observation.ABSENT
        assert seen.detail == "there is no role gone"


class TestCheck:
    def test_says_who_answers(self, connector: PostgresConnector) -> None:
        assert "answers as target_admin: PostgreSQL" in connector.check()


class TestDeadlines:
    def test_nobody_there_means_nothing_was_sent(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TARGET_NOBODY", "host=127.0.0.1 port=1 password=secret dbname=x")
        connector = PostgresConnector.from_settings({"dsn_env": "TARGET_NOBODY"})
        with pytest.raises(Unreachable, match=r"127\.0\.0\.1:1 was not reached") as refusal:
            connector.ensure_present("a", "b")
        assert not refusal.value.sent
        assert "secret" not in refusal.value.message

    def test_a_link_local_address_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for parts in ("host=169.254.169.254", "hostaddr=169.254.169.254", "host=::ffff:169.254.169.254"):
            monkeypatch.setenv("TARGET_META", f"{parts} dbname=x")
            with pytest.raises(Refused, match="no governed system can be"):
                PostgresConnector.from_settings({"dsn_env": "TARGET_META"}).check()

    def test_a_lock_is_not_waited_for_long(self, governed: Governed) -> None:
        login, role = governed.login(), governed.role()
        connector = PostgresConnector.from_settings({"dsn_env": "TARGET_GOVERNED", "read_seconds": 0.3})
        with psycopg.connect(governed.dsn) as blocker:
            blocker.execute("LOCK TABLE pg_auth_members IN ACCESS EXCLUSIVE MODE")
            with pytest.raises(Unreachable, match=r"timeout"):
                connector.ensure_present(login, role)

    @pytest.mark.parametrize("cut", [True, False], ids=["cut", "silent"])
    def test_a_wire_that_breaks_after_the_change_leaves_it_in_doubt(
        self, governed: Governed, socket_directory: Path, monkeypatch: pytest.MonkeyPatch, cut: bool
    ) -> None:
        login, role = governed.login(), governed.role()
        connector = over_a_wire(governed, socket_directory, monkeypatch)
        started = time.monotonic()
        with (
            breaking(server_socket(governed), socket_directory / SOCKET, b"COMMIT", cut=cut),
            pytest.raises(Unreachable) as refusal,
        ):
            connector.ensure_present(login, role)
        assert refusal.value.sent
        assert cut or "no answer within 1 seconds" in refusal.value.message
        assert time.monotonic() - started < 3
        assert governed.holds(login, role)
