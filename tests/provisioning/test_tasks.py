from uuid import UUID, uuid4

import pytest

from config.celery import PACKAGES_WITH_TASKS, TIMETABLE
from governance.provisioning import actions, tasks
from governance.provisioning.moves import RUN

ONE, OTHER = uuid4(), uuid4()


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    sent: list[str] = []
    monkeypatch.setattr(tasks.run, "delay", sent.append)
    return sent


class TestRun:
    def test_wakes_a_worker_for_the_next(self, sent: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
        following: dict[UUID, UUID | None] = {ONE: OTHER, OTHER: None}
        monkeypatch.setattr(actions, "run_task", lambda task_id, *, clock: following[task_id])
        tasks.run(str(ONE))
        tasks.run(str(OTHER))
        assert sent == [str(OTHER)]


class TestSweep:
    def test_wakes_workers_for_what_is_due(self, sent: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(actions, "due", lambda *, now: [ONE, OTHER])
        tasks.sweep()
        assert sent == [str(ONE), str(OTHER)]

    def test_is_in_the_timetable_and_known_by_name(self) -> None:
        assert tasks.sweep.name in {line.task for line in TIMETABLE}
        assert tasks.run.name == RUN
        assert tasks.__name__.rpartition(".")[0] in PACKAGES_WITH_TASKS
