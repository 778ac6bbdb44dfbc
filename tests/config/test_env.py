"""The environment: read once, everything wrong said at once, nothing unsafe started."""

import base64

import pytest

from config import addresses, env, reference
from config.env import ConfigurationError, Environment, target_secret
from config.safety import is_loopback, require_safe

PRODUCTION = {
    "DATABASE_URL": "postgresql://leasehold@db.example/leasehold",
    "SECRET_KEY": "x" * 50,
    "AUDIT_SIGNING_KEY": base64.b64encode(bytes(32)).decode(),
    "EMAIL_URL": "smtps://mail.example",
    "PUBLIC_URL": "https://leasehold.example",
}
LOCAL = PRODUCTION | {
    "DATABASE_URL": "postgresql://leasehold@/leasehold?host=%2Frun%2Fleasehold",
    "EMAIL_URL": "console:",
}


class TestEnvironment:
    def test_reads_values_by_type_and_falls_back_to_defaults(self) -> None:
        values = Environment(PRODUCTION | {"PORT": "9000", "ALLOWED_HOSTS": "a.example, b.example", "DEBUG": "no"})
        assert values[env.PORT] == 9000
        assert values[env.ALLOWED_HOSTS] == ["a.example", "b.example"]
        assert values[env.DEBUG] is False
        assert values[env.LOG_FORMAT] == "json"

    def test_names_everything_that_is_missing_or_wrong_at_once(self) -> None:
        with pytest.raises(ConfigurationError) as raised:
            Environment(
                {"PORT": "0", "DEBUG": "maybe", "LOG_LEVEL": "LOUD", "REDIS_URL": "http://x", "SECRET_KEY": "x"}
            )
        named = {problem.split()[0] for problem in raised.value.problems}
        wrong = {"PORT", "DEBUG", "LOG_LEVEL", "REDIS_URL", "SECRET_KEY"}
        assert named == wrong | {"DATABASE_URL", "AUDIT_SIGNING_KEY", "EMAIL_URL", "PUBLIC_URL"}

    @pytest.mark.parametrize("key", ["", "short", base64.b64encode(bytes(31)).decode(), "?" * 44])
    def test_takes_only_a_whole_signing_key(self, key: str) -> None:
        with pytest.raises(ConfigurationError, match="AUDIT_SIGNING_KEY"):
            Environment(PRODUCTION | {"AUDIT_SIGNING_KEY": key})

    def test_needs_no_secrets_for_development(self) -> None:
        assert Environment({"DATABASE_URL": "postgresql:///leasehold", "DEBUG": "true"})[env.SECRET_KEY]

    def test_needs_secrets_for_the_demonstration(self) -> None:
        with pytest.raises(ConfigurationError, match="SECRET_KEY"):
            Environment({"DATABASE_URL": "postgresql:///leasehold", "DEMO_MODE": "true"})


class TestRequireSafe:
    def test_accepts_production(self) -> None:
        require_safe(Environment(PRODUCTION | {"HOST": "0.0.0.0", "HTTPS_REDIRECT": "true"}))

    def test_accepts_a_demonstration_on_this_machine(self) -> None:
        require_safe(Environment(LOCAL | {"DEMO_MODE": "true"}))

    @pytest.mark.parametrize(
        "unsafe",
        [
            {"HOST": "0.0.0.0"},
            {"DATABASE_URL": "postgresql://leasehold@db.example/leasehold"},
            {"DATABASE_URL": "postgresql://leasehold@127.0.0.1,db.example/leasehold"},
            {"DATABASE_URL": "postgresql://leasehold@localhost/leasehold?hostaddr=192.0.2.1"},
            {"REDIS_URL": "redis://cache.example/0"},
            {"ALLOWED_HOSTS": "localhost,leasehold.example"},
            {"ALLOWED_HOSTS": "*"},
            {"CSRF_TRUSTED_ORIGINS": "https://leasehold.example"},
            {"HTTPS_REDIRECT": "true"},
            {"TRUST_PROXY_HEADERS": "true"},
            {"EMAIL_URL": "smtp://mail.example"},
        ],
        ids=str,
    )
    def test_refuses_a_demonstration_that_looks_like_production(self, unsafe: dict[str, str]) -> None:
        with pytest.raises(ConfigurationError, match=next(iter(unsafe))):
            require_safe(Environment(LOCAL | {"DEMO_MODE": "true"} | unsafe))

    def test_refuses_links_that_reset_passwords_in_the_log(self) -> None:
        with pytest.raises(ConfigurationError, match="EMAIL_URL"):
            require_safe(Environment(PRODUCTION | {"EMAIL_URL": "console:"}))

    def test_refuses_debug_where_others_can_reach_it(self) -> None:
        with pytest.raises(ConfigurationError, match="HOST"):
            require_safe(Environment(LOCAL | {"DEBUG": "true", "HOST": "192.0.2.1"}))


class TestIsLoopback:
    @pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.1.2.3", "::1", "[::1]", "/run/leasehold"])
    def test_knows_this_machine(self, host: str) -> None:
        assert is_loopback(host)

    @pytest.mark.parametrize("host", ["", "*", "0.0.0.0", "::", "10.0.0.1", "localhost.example", ".localhost"])
    def test_takes_nothing_else_for_it(self, host: str) -> None:
        assert not is_loopback(host)


class TestTargetSecret:
    def test_is_read_from_the_variable_that_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TARGET_LEDGER_DSN", "postgresql://ledger")
        assert target_secret("TARGET_LEDGER_DSN") == "postgresql://ledger"

    @pytest.mark.parametrize("name", ["SECRET_KEY", "AUDIT_SIGNING_KEY", "PATH", "MY_TARGET_DSN", "TARGET_"])
    def test_is_never_one_of_the_portals_own(self, name: str) -> None:
        with pytest.raises(ConfigurationError, match="TARGET_"):
            target_secret(name)

    def test_says_that_it_is_not_set(self) -> None:
        with pytest.raises(ConfigurationError, match="TARGET_NOWHERE is not set"):
            target_secret("TARGET_NOWHERE")


class TestReference:
    def test_is_up_to_date(self) -> None:
        assert not reference.outdated(), "run: make docs"

    def test_tells_no_secret(self) -> None:
        assert not [
            v.name for v in (env.SECRET_KEY, env.AUDIT_SIGNING_KEY) if str(v.development) in reference.example()
        ]


class TestSingleSignOn:
    PROVIDER = PRODUCTION | {"OIDC_SERVER_URL": "https://id.example", "OIDC_CLIENT_ID": "portal"}

    def test_is_off_by_default(self) -> None:
        assert addresses.provider(Environment(PRODUCTION)) == []

    def test_is_told_to_allauth_as_it_is_configured(self) -> None:
        values = Environment(self.PROVIDER | {"OIDC_ROLES": "administrator = admins, auditor=audit"})
        require_safe(values)
        (app,) = addresses.provider(values)
        assert (app["client_id"], app["settings"]["server_url"]) == ("portal", "https://id.example")
        assert values[env.OIDC_ROLES] == {"administrator": "admins", "auditor": "audit"}

    @pytest.mark.parametrize("roles", ["administrator", "administrator=", "=admins"])
    def test_takes_only_whole_pairs_of_roles(self, roles: str) -> None:
        with pytest.raises(ConfigurationError, match="OIDC_ROLES"):
            Environment(self.PROVIDER | {"OIDC_ROLES": roles})

    @pytest.mark.parametrize(
        "wrong", [{"OIDC_SERVER_URL": "http://id.example"}, {"OIDC_CLIENT_ID": ""}], ids=["plain http", "no client"]
    )
    def test_does_not_start_where_it_is_not_safe(self, wrong: dict[str, str]) -> None:
        with pytest.raises(ConfigurationError, match="OIDC_"):
            require_safe(Environment(self.PROVIDER | wrong))

    def test_may_do_without_encryption_on_this_machine(self) -> None:
        require_safe(Environment(self.PROVIDER | {"OIDC_SERVER_URL": "http://localhost:8799"}))
