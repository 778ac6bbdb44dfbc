from typing import Any

import pytest
from celery import current_app
from celery.exceptions import OperationalError

from governance.core import wake
from governance.core.locking import unit_of_work


@pytest.mark.django_db(transaction=True)
class TestAfterCommit:
    def test_lets_an_act_stand_that_no_broker_could_be_told_of(self, monkeypatch: pytest.MonkeyPatch) -> None:
        tried: list[str] = []

        def refused(task: str, **_: Any) -> None:
            tried.append(task)
            raise OperationalError

        monkeypatch.setattr(current_app, "send_task", refused)
        monkeypatch.setattr(wake, "_silent_until", 0.0)
        with unit_of_work():
            wake.after_commit("grants.expire")
        assert tried == ["grants.expire"]
