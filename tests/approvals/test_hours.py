"""Working time, and whom a text names: what is pure about deciding."""

from datetime import date, datetime, time, timedelta
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest

from governance.approvals.hours import AllHours, WorkingHours
from governance.approvals.mentions import named_in
from tests.leases import HOUR

BERLIN = WorkingHours(
    ZoneInfo("Europe/Berlin"), frozenset({1, 2, 3, 4, 5}), time(9), time(17), frozenset({date(2027, 1, 1)})
)


def at(words: str) -> datetime:
    return datetime.fromisoformat(f"{words}:00+00:00")


class TestWorkingHours:
    @pytest.mark.parametrize(
        ("start", "worked", "end"),
        [
            ("2027-01-11T10:00", 2 * HOUR, "2027-01-11T12:00"),
            ("2027-01-11T03:00", 2 * HOUR, "2027-01-11T10:00"),
            ("2027-01-08T12:00", 8 * HOUR, "2027-01-11T12:00"),
            ("2027-01-09T12:00", HOUR, "2027-01-11T09:00"),
            ("2026-12-31T15:00", 2 * HOUR, "2027-01-04T09:00"),
            ("2027-03-26T12:00", 8 * HOUR, "2027-03-29T11:00"),
        ],
        ids=[
            "in a day",
            "before it opens",
            "over a weekend",
            "from a weekend",
            "over a holiday",
            "over a change of clocks",
        ],
    )
    def test_pass_on_working_days_alone(self, start: str, worked: timedelta, end: str) -> None:
        assert BERLIN.after(at(start), worked) == at(end)
        assert BERLIN.between(at(start), at(end)) == worked

    def test_lie_not_between_an_end_and_a_start(self) -> None:
        assert BERLIN.between(at("2027-01-12T12:00"), at("2027-01-11T12:00")) == timedelta()
        assert AllHours().between(at("2027-01-12T12:00"), at("2027-01-11T12:00")) == timedelta()

    def test_never_wait_for_ever(self) -> None:
        never = WorkingHours(BERLIN.zone, frozenset(), BERLIN.opens, BERLIN.closes, frozenset())
        assert never.after(at("2027-01-11T10:00"), HOUR) < at("2030-01-01T00:00")


class TestNamedIn:
    ANN, BEN, BENNETT, TWIN = uuid4(), uuid4(), uuid4(), uuid4()
    NAMES = {ANN: "Ann Özil", BEN: "Ben", BENNETT: "Ben Nett", TWIN: "Ben"}

    @pytest.mark.parametrize(
        ("text", "found"),
        [
            ("@Ann Özil please", {ANN}),
            ("See @ann özil, and @BEN NETT.", {ANN, BENNETT}),
            ("@Ben knows", {BEN, TWIN}),
            ("@Benjamin knows", set()),
            ("mail ann@Ben or @", set()),
            ("Ben knows", set()),
            ("@Nobody", set()),
            ("(@Ben)", {BEN, TWIN}),
        ],
    )
    def test_finds_whole_names_after_an_at(self, text: str, found: set[UUID]) -> None:
        assert named_in(text, self.NAMES) == found
