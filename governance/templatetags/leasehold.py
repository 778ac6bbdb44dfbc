"""Template tags of the portal: times, lease lines and marks. Pure: plain values in, no query, no clock."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from governance.catalog.states import Risk
from governance.identities.states import Kind
from governance.templatetags.marks import MESSAGE_TONES, STATES, STEP_CLASSES, TONE_ICONS

register = template.Library()

MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR
NEAR_THE_END = 0.9
"""The share of a lease after which its line turns to the tone `warn`."""
HASH_HEAD, HASH_TAIL = 6, 4


def _utc(value: datetime) -> datetime:
    return value.astimezone(UTC)


def _words(seconds: float) -> str:
    whole = max(0, int(seconds))
    if whole < MINUTE:
        return f"{whole} s"
    if whole >= 2 * DAY:
        return f"{(whole + DAY // 2) // DAY:,} days"
    hours, minutes = whole // HOUR, whole % HOUR // MINUTE
    parts = [f"{hours} h" if hours else "", f"{minutes} min" if minutes else ""]
    return " ".join(part for part in parts if part)


@register.filter
def duration(value: timedelta | float | None) -> str:
    """Say a length of time: "41 s", "2 h 34 min", from two days on "14 days". None says nothing.

    Below two days it is rounded down, from there on to the nearest day: fourteen days that have just begun are 14.
    """
    if value is None:
        return ""
    return _words(value.total_seconds() if isinstance(value, timedelta) else value)


@register.filter
def as_json(value: Any) -> str:
    """Plain values as JSON, to stand in an attribute that a script reads."""
    return json.dumps(value)


@register.filter
def since(value: datetime | None, now: datetime) -> str:
    """Say how long ago `value` was at `now`: "22 h". Never negative."""
    return "" if value is None else duration(now - value)


@register.filter
def until(value: datetime | None, now: datetime) -> str:
    """Say how long it is from `now` to `value`: "3 h 48 min", and once it has passed "20 min ago"."""
    if value is None:
        return ""
    return duration(value - now) if value > now else f"{duration(now - value)} ago"


@register.filter
def day(value: datetime | None) -> str:
    """Say the day in UTC: "12 Nov 2026"."""
    return "" if value is None else f"{_utc(value).day} {_utc(value):%b %Y}"


@register.filter
def long_day(value: datetime | None) -> str:
    """Say the day in full, for a sentence or a page head: "Thursday 12 November 2026"."""
    return "" if value is None else f"{_utc(value):%A} {_utc(value).day} {_utc(value):%B %Y}"


@register.filter
def clock(value: datetime | None) -> str:
    """Say the time of day in UTC: "16:40:52"."""
    return "" if value is None else f"{_utc(value):%H:%M:%S}"


@register.filter
def moment(value: datetime | None, now: datetime) -> str:
    """Say a time as people do near it: "today 14:00", "Fri 13 Nov", and "13 Nov 2027" in another year."""
    if value is None:
        return ""
    at, today = _utc(value), _utc(now)
    if at.date() == today.date():
        return f"today {at:%H:%M}"
    if at.year != today.year:
        return day(at)
    return f"{at:%a} {at.day} {at:%b}"


@register.filter
def stamp(value: datetime | None, precision: str = "second") -> str:
    """Mark a time up: ISO in `datetime`, "12 Nov 2026 10:00:04" to read; `precision` is second, minute or day."""
    if value is None:
        return ""
    at = _utc(value)
    shape = {"second": " %H:%M:%S", "minute": " %H:%M", "day": ""}[precision]
    text = f"{day(at)}{at.strftime(shape)}"
    return format_html('<time datetime="{}">{}</time>', f"{at:%Y-%m-%dT%H:%M:%SZ}", text)


@register.filter
def short_hash(value: str | None) -> str:
    """Shorten a hash to its ends: "9c4e07…a17b". What is short already stays whole."""
    text = value or ""
    return text if len(text) <= HASH_HEAD + HASH_TAIL else f"{text[:HASH_HEAD]}…{text[-HASH_TAIL:]}"


@register.filter
def grouped(value: int | None) -> str:
    """Write a number with its thousands apart: "48,211"."""
    return "" if value is None else f"{value:,}"


@register.simple_tag
def icon(name: str, css: str = "") -> SafeString:
    """Draw an icon of the sprite. It is decoration: the words beside it carry the meaning."""
    return format_html('<svg class="{}" aria-hidden="true"><use href="#i-{}"/></svg>', f"i {css}".strip(), name)


@register.simple_tag
def kind_mark(kind: str) -> SafeString:
    """Draw the mark of a kind of identity, named for those who don't see it. Raises ValueError for an unknown kind."""
    return format_html('<svg class="k" role="img" aria-label="{}"><use href="#k-{}"/></svg>', kind_words(kind), kind)


@register.filter
def kind_words(kind: str) -> str:
    """Say a kind of identity: "AI agent". Raises ValueError for an unknown kind."""
    return str(Kind(kind).label)


@register.simple_tag
def risk_ticks(risk: str) -> SafeString:
    """Draw a risk as its word and one to four rising ticks. Raises ValueError for an unknown risk."""
    level = list(Risk).index(Risk(risk)) + 1
    ticks = format_html_join(
        "",
        '<path{} d="M{} 11V{}"/>',
        ((SafeString(' class="on"') if n < level else "", 2 + 5 * n, 8 - 2 * n) for n in range(4)),
    )
    return format_html(
        '<span class="risk" data-level="{}"><svg viewBox="0 0 19 12" aria-hidden="true">{}</svg>{}</span>',
        level,
        ticks,
        Risk(risk).label,
    )


@register.simple_tag
def state_mark(subject: str, state: str, note: str = "") -> SafeString:
    """Draw a state as icon and words, with `note` in brackets behind it.

    `subject` is grant, request, item, step, task or manual. Raises KeyError for a state that has no mark.
    """
    mark = STATES[subject][state]
    words = f"{mark.words} ({note})" if note else mark.words
    tone = format_html(' data-tone="{}"', mark.tone) if mark.tone else ""
    return format_html('<span class="state"{}>{}<span>{}</span></span>', tone, icon(mark.icon), words)


@register.filter
def state_words(state: str, subject: str) -> str:
    """Say a state without its icon: "Revoked, verified absent". Raises KeyError for a state that has no mark."""
    return STATES[subject][state].words


@register.filter
def step_class(state: str) -> str:
    """Name the class of a route's step: done, now, no, off, or nothing while it waits."""
    return STEP_CLASSES[state]


@register.filter
def message_tone(level: str) -> str:
    """Turn a message's level tag into a tone: error is bad, warning is warn, success is ok, the rest is note."""
    return MESSAGE_TONES.get(level, "note")


@register.filter
def tone_icon(tone: str) -> str:
    """Name the icon that goes with a tone."""
    return TONE_ICONS[tone]


@dataclass(frozen=True)
class Line:
    """What a lease line shows: the share spent in per cent, the tone, and the words under both ends."""

    spent: int
    tone: str
    left: str
    right: str
    open_ended: bool = False


def _end_words(ends_at: datetime, now: datetime) -> str:
    at = _utc(ends_at)
    text = f"{at.day} {at:%b}" if at.year == _utc(now).year else day(at)
    return f"{text} {at:%H:%M}" if ends_at - now < timedelta(days=2) else text


def _line(starts_at: datetime | None, ends_at: datetime | None, now: datetime) -> Line:
    if ends_at is None:
        return Line(0, "bad", "No end", "", open_ended=True)
    right = _end_words(ends_at, now)
    if ends_at <= now:
        return Line(100, "", "Ended", right)
    if starts_at is None or starts_at > now:
        return Line(0, "", "Not yet started", right)
    share = (now - starts_at) / (ends_at - starts_at)
    tone = "warn" if share >= NEAR_THE_END else ""
    return Line(int(share * 100), tone, f"{duration(ends_at - now)} left", right)


@register.inclusion_tag("components/lease.html")
def lease_line(starts_at: datetime | None, ends_at: datetime | None, now: datetime) -> dict[str, Line]:
    """Draw a lease from start to end as it stands at `now`.

    The tone is `warn` in the last tenth and `bad` only without an end; an ended lease is full and untoned.
    """
    return {"line": _line(starts_at, ends_at, now)}


@register.inclusion_tag("components/lease.html")
def cap_line(asked: timedelta, cap: timedelta) -> dict[str, Line]:
    """Draw the term that is asked for against the longest that policy allows. Beyond the cap the tone is `bad`."""
    share = min(100, int(asked / cap * 100)) if cap else 100
    tone = "note" if asked <= cap else "bad"
    return {"line": Line(share, tone, f"{duration(asked)} asked", f"cap {duration(cap)}")}
