"""The frame: alternately with the limit, from the same beginning, told as one JSON object."""

import json

import pytest
from django.contrib.sessions.models import Session
from django.utils import timezone

from bench import frame
from bench.sizes import SIZES
from governance.management.organisation import MOST_EACH, Size


@pytest.mark.django_db(transaction=True)
class TestRun:
    def test_undoes_what_was_done_and_tells_the_medians(self, capsys: pytest.CaptureFixture[str]) -> None:
        order: list[str] = []

        def act() -> None:
            order.append("act")
            assert not Session.objects.exists()
            Session.objects.create(session_key="x", session_data="", expire_date=timezone.now())

        def limit() -> None:
            order.append("limit")

        frame.run(frame.Measure("nothing", "S", 0.5, act, limit, "SELECT 1", ["django_session"]))
        out, err = capsys.readouterr()
        told = json.loads(out)
        assert order == ["limit", "act"] * frame.ROUNDS
        assert not Session.objects.exists()
        assert "SELECT 1" in err
        assert set(told) == {
            "name",
            "size",
            "seconds",
            "limit_seconds",
            "ratio",
            "target",
            "met",
            "peak_rss_mib",
            "queries",
        }
        assert (told["name"], told["met"]) == ("nothing", False)
        assert told["queries"] == 3  # exists, insert, and what commits check

    def test_tells_rates_the_other_way_round_and_what_stands_beside(self, capsys: pytest.CaptureFixture[str]) -> None:
        def act() -> None:
            Session.objects.exists()
            sum(range(2_000_000))

        def limit() -> None:
            sum(range(100_000))

        frame.run(frame.Measure("rate", "S", 0.9, act, limit, by_rate=True, beside={"decisions": 7}))
        told = json.loads(capsys.readouterr().out)
        assert told["ratio"] < 0.9
        assert (told["met"], told["decisions"]) == (False, 7)
        assert told["ratio"] == pytest.approx(told["limit_seconds"] / told["seconds"], abs=0.01)


class TestSizes:
    @pytest.mark.parametrize("name", SIZES)
    def test_can_be_generated(self, name: str) -> None:
        size = Size(SIZES[name].people, SIZES[name].grants)
        assert size.people <= size.grants <= MOST_EACH * (size.people + size.machines)
        assert 16 <= size.grants // (size.people + size.machines) <= 17
