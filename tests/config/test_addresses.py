"""Addresses of servers, as Django and Celery want them."""

import pytest

from config import addresses


class TestDatabase:
    def test_reads_a_socket_and_keeps_options_of_the_driver(self) -> None:
        url = "postgresql://me:p%40ss@/portal?host=%2Frun%2Fdb&sslmode=require"
        found = addresses.database(url, pool_max=7, lock_timeout_ms=100, idle_timeout_ms=200)
        assert (found["HOST"], found["NAME"], found["USER"], found["PASSWORD"]) == ("/run/db", "portal", "me", "p@ss")
        assert found["OPTIONS"]["sslmode"] == "require"
        assert found["OPTIONS"]["pool"]["max_size"] == 7

    def test_adds_timeouts_to_the_options_given(self) -> None:
        url = "postgresql://db.example/portal?options=-c%20geqo%3Doff"
        found = addresses.database(url, pool_max=1, lock_timeout_ms=100, idle_timeout_ms=200)
        assert found["OPTIONS"]["options"] == (
            "-c lock_timeout=100 -c idle_in_transaction_session_timeout=200 -c geqo=off"
        )


class TestBroker:
    @pytest.mark.parametrize(
        ("url", "expected"),
        [
            ("redis://cache.example:6379/2", "redis://cache.example:6379/2"),
            ("unix:///run/v.sock", "redis+socket:///run/v.sock?virtual_host=0"),
            ("unix://:secret@/run/v.sock?db=3", "redis+socket://:secret@/run/v.sock?virtual_host=3"),
        ],
    )
    def test_is_written_as_celery_has_it(self, url: str, expected: str) -> None:
        assert addresses.broker(url) == expected


class TestMail:
    def test_goes_to_the_log_by_default(self) -> None:
        assert addresses.mail("console:")["EMAIL_BACKEND"].endswith("console.EmailBackend")

    def test_goes_to_a_server_with_starttls(self) -> None:
        found = addresses.mail("smtp+tls://me:p%40ss@mail.example")
        assert (found["EMAIL_HOST"], found["EMAIL_PORT"], found["EMAIL_HOST_PASSWORD"]) == ("mail.example", 587, "p@ss")
        assert found["EMAIL_USE_TLS"]
        assert not found["EMAIL_USE_SSL"]
