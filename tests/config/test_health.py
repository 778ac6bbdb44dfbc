"""Whether the portal says truly how it is."""

import pytest
import time_machine
from django.core.cache import cache
from django.test import Client
from pytest_django.fixtures import Settings

from config import health
from config.celery import TIMETABLE, Beat, app
from tests.glass import Outage, over


@pytest.fixture(autouse=True)
def _no_heartbeat() -> None:
    cache.delete(health.HEARTBEAT_KEY)


class TestLive:
    def test_asks_nothing_of_others(self, client: Client) -> None:
        assert client.get("/health/live").json() == {"status": "live"}


@pytest.mark.django_db
class TestReady:
    def test_is_not_ready_without_a_worker(self, client: Client) -> None:
        response = client.get("/health/ready")
        assert response.status_code == 503
        assert response.json()["checks"]["workers"] == "no heartbeat yet"

    def test_is_ready_when_everything_works(self, client: Client) -> None:
        health.record_heartbeat()
        response = client.get("/health/ready")
        assert response.json()["checks"] == dict.fromkeys(
            ("database", "migrations", "broker", "workers", "pages"), "ok"
        )
        assert response.status_code == 200

    def test_is_not_ready_when_the_heart_has_stopped(self, client: Client) -> None:
        cache.set(health.HEARTBEAT_KEY, 0)
        assert "seconds ago" in client.get("/health/ready").json()["checks"]["workers"]

    def test_tells_strangers_no_detail_of_a_failure(self, client: Client, settings: Settings) -> None:
        settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": "unix:///nowhere.sock"}}
        assert client.get("/health/ready").json()["checks"]["broker"] == "failed"


@pytest.mark.django_db
class TestBreakGlass:
    def test_is_counted_where_nobody_is_left_to_review_it(
        self, client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        end = over(Outage().take())
        with time_machine.travel(end):
            assert client.get("/health/ready").json()["warnings"]["break-glass"] == "ok"
            monkeypatch.setattr("governance.break_glass.queries.reviewers", lambda *_: frozenset())
            assert client.get("/health/ready").json()["warnings"]["break-glass"].startswith("1 ended without anybody")


class TestTimetable:
    @pytest.mark.parametrize("line", TIMETABLE, ids=lambda line: line.task)
    def test_names_tasks_that_exist(self, line: Beat) -> None:
        app.loader.import_default_modules()
        assert line.task in app.tasks
