from datetime import UTC, datetime, timedelta, timezone

import pytest
from django.template import Context, Template
from django.utils.html import strip_tags

from governance.approvals.states import StepState
from governance.catalog.states import Risk
from governance.grants.states import GrantState
from governance.identities.states import Kind
from governance.provisioning.states import TaskState
from governance.requests.states import ItemState, RequestState
from governance.templatetags import leasehold
from governance.templatetags.marks import GRANT, STATES, STEP_CLASSES

NOW = datetime(2026, 11, 12, 10, 12, 4, tzinfo=UTC)


def render(source: str, **context: object) -> str:
    return Template("{% load leasehold %}" + source).render(Context(context))


class TestDuration:
    @pytest.mark.parametrize(
        ("length", "words"),
        [
            (timedelta(seconds=0), "0 s"),
            (timedelta(seconds=41, milliseconds=900), "41 s"),
            (timedelta(seconds=59), "59 s"),
            (timedelta(minutes=1), "1 min"),
            (timedelta(hours=2, minutes=34, seconds=59), "2 h 34 min"),
            (timedelta(hours=8), "8 h"),
            (timedelta(days=1), "24 h"),
            (timedelta(hours=47, minutes=59), "47 h 59 min"),
            (timedelta(days=2), "2 days"),
            (timedelta(days=13, hours=23, minutes=59), "14 days"),
            (timedelta(days=14, hours=11), "14 days"),
            (timedelta(days=14, hours=23), "15 days"),
            (timedelta(days=1200), "1,200 days"),
            (9240, "2 h 34 min"),
        ],
    )
    def test_says_hours_and_minutes_then_days_to_the_nearest(self, length: timedelta | float, words: str) -> None:
        assert leasehold.duration(length) == words

    def test_says_nothing_of_nothing(self) -> None:
        assert leasehold.duration(None) == ""

    def test_never_says_less_than_nothing(self) -> None:
        assert leasehold.duration(timedelta(seconds=-5)) == "0 s"


class TestTimes:
    def test_since_is_an_age(self) -> None:
        assert leasehold.since(NOW - timedelta(hours=22), NOW) == "22 h"

    def test_until_counts_down_and_then_says_how_long_ago(self) -> None:
        assert leasehold.until(NOW + timedelta(hours=3, minutes=48), NOW) == "3 h 48 min"
        assert leasehold.until(NOW - timedelta(minutes=20), NOW) == "20 min ago"

    def test_a_day_is_a_day_in_utc(self) -> None:
        tokyo = timezone(timedelta(hours=9))
        assert leasehold.day(datetime(2026, 11, 13, 8, 0, tzinfo=tokyo)) == "12 Nov 2026"
        assert leasehold.long_day(NOW) == "Thursday 12 November 2026"

    def test_clock_reads_to_the_second(self) -> None:
        assert leasehold.clock(NOW.replace(hour=16, minute=40, second=52)) == "16:40:52"

    def test_moment_names_today_the_weekday_or_the_year(self) -> None:
        assert leasehold.moment(NOW.replace(hour=14, minute=0), NOW) == "today 14:00"
        assert leasehold.moment(NOW + timedelta(days=1), NOW) == "Fri 13 Nov"
        assert leasehold.moment(NOW.replace(year=2027), NOW) == "12 Nov 2027"

    def test_stamp_is_read_by_people_and_by_programs(self) -> None:
        assert leasehold.stamp(NOW) == '<time datetime="2026-11-12T10:12:04Z">12 Nov 2026 10:12:04</time>'
        assert strip_tags(leasehold.stamp(NOW, "minute")) == "12 Nov 2026 10:12"
        assert strip_tags(leasehold.stamp(NOW, "day")) == "12 Nov 2026"

    def test_what_has_no_time_is_left_blank(self) -> None:
        source = "{{ at|since:now }}{{ at|until:now }}{{ at|day }}{{ at|long_day }}{{ at|clock }}{{ at|stamp }}"
        assert render(source + "{{ at|moment:now }}", at=None, now=NOW) == ""


class TestFigures:
    def test_a_hash_keeps_its_ends(self) -> None:
        assert leasehold.short_hash("9c4e07" + "0" * 54 + "a17b") == "9c4e07…a17b"
        assert leasehold.short_hash("9c4e07") == "9c4e07"
        assert leasehold.short_hash(None) == ""

    def test_thousands_stand_apart(self) -> None:
        assert leasehold.grouped(48211) == "48,211"
        assert leasehold.grouped(None) == ""


class TestLeaseLine:
    def line(self, start: int | None, end: int | None) -> leasehold.Line:
        """A line from `start` to `end` days from now."""
        starts_at = None if start is None else NOW + timedelta(days=start)
        ends_at = None if end is None else NOW + timedelta(days=end)
        return leasehold.lease_line(starts_at, ends_at, NOW)["line"]

    def test_draws_the_share_spent(self) -> None:
        assert self.line(-30, 30) == leasehold.Line(50, "", "30 days left", "12 Dec")

    def test_warns_in_the_last_tenth(self) -> None:
        assert self.line(-89, 11).tone == ""
        assert self.line(-90, 10).tone == "warn"

    def test_is_full_and_untoned_when_it_has_ended(self) -> None:
        line = self.line(-98, 0)
        assert (line.spent, line.tone, line.left) == (100, "", "Ended")

    def test_is_empty_before_its_start(self) -> None:
        assert self.line(1, 3).left == "Not yet started"
        assert self.line(None, 30).spent == 0

    def test_faults_a_lease_without_an_end(self) -> None:
        line = self.line(-900, None)
        assert (line.tone, line.left, line.open_ended) == ("bad", "No end", True)

    def test_names_the_year_when_it_is_another_and_the_hour_when_it_is_near(self) -> None:
        assert self.line(0, 79).right == "30 Jan 2027"
        assert self.line(0, 1).right == "13 Nov 10:12"

    def test_is_drawn_without_a_style(self) -> None:
        drawn = render("{% lease_line start end now %}", start=NOW - timedelta(days=1), end=NOW, now=NOW)
        assert 'width="100%"' in drawn
        assert "style" not in drawn


class TestCapLine:
    def test_sets_what_is_asked_against_the_cap(self) -> None:
        line = leasehold.cap_line(timedelta(days=30), timedelta(days=60))["line"]
        assert line == leasehold.Line(50, "note", "30 days asked", "cap 60 days")

    def test_faults_what_goes_beyond_it(self) -> None:
        assert leasehold.cap_line(timedelta(days=61), timedelta(days=60))["line"].tone == "bad"
        assert leasehold.cap_line(timedelta(days=1), timedelta(0))["line"].spent == 100


class TestMarks:
    @pytest.mark.parametrize(
        ("subject", "states"),
        [
            ("grant", GrantState.values),
            ("request", RequestState.values),
            ("item", ItemState.values),
            ("step", StepState.values),
            ("task", TaskState.values),
        ],
    )
    def test_every_state_has_one(self, subject: str, states: list[str]) -> None:
        assert set(states) <= set(STATES[subject])
        for state in states:
            assert leasehold.state_words(state, subject) in leasehold.state_mark(subject, state)

    def test_every_step_has_its_place_on_the_route(self) -> None:
        assert set(STEP_CLASSES) == set(StepState.values)
        assert leasehold.step_class("open") == "now"

    def test_ended_revoking_and_revoked_share_neither_word_nor_icon(self) -> None:
        marks = [GRANT[state] for state in ("ended", "revoking", "revoked")]
        words = [set(mark.words.lower().replace(",", "").split()) for mark in marks]
        assert len({mark.icon for mark in marks}) == 3
        assert sum(len(each) for each in words) == len(set.union(*words))

    def test_says_what_was_verified(self) -> None:
        assert strip_tags(leasehold.state_mark("grant", "active")) == "Active, verified present"
        assert strip_tags(leasehold.state_mark("grant", "revoked", "41 s")) == "Revoked, verified absent (41 s)"

    def test_an_unknown_state_is_an_error(self) -> None:
        with pytest.raises(KeyError):
            leasehold.state_mark("grant", "gone")

    def test_a_note_is_escaped(self) -> None:
        assert "<b>" not in leasehold.state_mark("grant", "active", "<b>")

    @pytest.mark.parametrize("kind", Kind.values)
    def test_a_kind_is_named_for_those_who_do_not_see_it(self, kind: str) -> None:
        assert f'aria-label="{Kind(kind).label}"' in leasehold.kind_mark(kind)

    @pytest.mark.parametrize(("level", "risk"), list(enumerate(Risk.values, start=1)))
    def test_a_risk_is_a_word_and_as_many_ticks(self, level: int, risk: str) -> None:
        drawn = leasehold.risk_ticks(risk)
        assert drawn.count('class="on"') == level
        assert strip_tags(drawn) == Risk(risk).label

    def test_every_icon_is_in_the_sprite(self) -> None:
        sprite = render('{% include "components/sprite.html" only %}')
        icons = {mark.icon for marks in STATES.values() for mark in marks.values()}
        icons |= {leasehold.tone_icon(tone) for tone in ("ok", "note", "warn", "bad")}
        assert [icon for icon in icons if f'id="i-{icon}"' not in sprite] == []
        assert [kind for kind in Kind.values if f'id="k-{kind}"' not in sprite] == []

    def test_an_icon_is_decoration(self) -> None:
        assert leasehold.icon("chev", "chev") == ('<svg class="i chev" aria-hidden="true"><use href="#i-chev"/></svg>')

    @pytest.mark.parametrize(
        ("level", "tone"), [("error", "bad"), ("warning", "warn"), ("success", "ok"), ("info", "note")]
    )
    def test_a_message_has_the_tone_of_its_level(self, level: str, tone: str) -> None:
        assert leasehold.message_tone(level) == tone
