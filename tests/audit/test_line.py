import json
import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
import rfc8785
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from governance.audit.line import line_of, read
from governance.core.actor import Actor, ActorKind
from governance.core.events import Event
from tests.audit.builders import NOW, an_event

texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])) | st.sampled_from(
    [
        "",
        '"',
        "\\",
        "\b\f\n\r\t",
        "\x01\x1f\x7f",
        "\u2028\u2029",
        "\U0001f3fa",
        "\ud7ff\ue000\uffff",
        "\\u0000",
        "</",
        "%s",
    ]
)
numbers = st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False)
json_values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
whole = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
moments = st.datetimes(
    datetime(1900, 1, 1),  # noqa: DTZ001 - hypothesis wants the bounds naive
    datetime(2200, 1, 1),  # noqa: DTZ001
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=-7))]),
)

WRITE = "SELECT audit_line(%s, %s::uuid, %s, %s, %s, %s::timestamptz, %s, %s, %s::uuid, %s, %s)"


def in_sql(event: Event, facts: str) -> str:
    actor = event.actor
    with connection.cursor() as cursor:
        cursor.execute(
            WRITE,
            [
                *(event.action, actor.id, str(actor.kind), actor.label, actor.assurance, event.at, facts),
                *(event.reason, event.subject_id, event.subject_kind, event.subject_label),
            ],
        )
        line: str = cursor.fetchone()[0]
        return line


class TestLineOf:
    def test_is_what_the_format_says(self) -> None:
        line = line_of(an_event(), event_id=UUID(int=1), salt="ab")
        assert line == (
            '{"action":"thing.made",'
            '"actor":{"id":"00000000-0000-0000-0000-000000000005","kind":"human","label":"Grace Hopper"},'
            '"assurance":2,"at":"2026-11-21T10:00:01.000001Z","facts":{"number":1},'
            '"id":"00000000-0000-0000-0000-000000000001","reason":"because of 1","salt":"ab",'
            '"subject":{"id":"00000000-0000-0000-0000-000000000007","kind":"thing","label":"T-1"},"v":1}'
        )

    @pytest.mark.parametrize("facts", [{"n": 2**53}, {"x": object()}])
    def test_refuses_what_json_cannot_hold(self, facts: dict[str, Any]) -> None:
        with pytest.raises((ValueError, TypeError)):
            line_of(an_event(facts=facts), event_id=UUID(int=1), salt="ab")


@pytest.mark.django_db
class TestTheSqlLine:
    @settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        st.tuples(texts, texts, texts, texts, texts),
        st.none() | st.uuids(),
        st.uuids(),
        moments,
        whole,
        st.integers(0, 3),
    )
    def test_is_the_python_line_and_the_library_s(
        self, said: tuple[str, ...], actor_id: UUID | None, subject: UUID, at: datetime, fact: Any, assurance: int
    ) -> None:
        action, actor_label, kind, label, reason = said
        actor = Actor(kind=ActorKind.SYSTEM, label=actor_label, identity_id=actor_id, assurance=assurance)
        event = Event(action, actor, kind, subject, label, reason, at, {"fact": fact})
        line = in_sql(event, rfc8785.dumps({"fact": fact}).decode())
        content = read(line)
        assert line == line_of(event, event_id=UUID(content["id"]), salt=content["salt"])
        assert line == rfc8785.dumps(json.loads(line)).decode()

    @settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(json_values)
    def test_keeps_whatever_facts_the_library_has_written(self, fact: Any) -> None:
        facts = rfc8785.dumps({"fact": fact}).decode()
        line = in_sql(an_event(), facts)
        assert line == rfc8785.dumps(json.loads(line, parse_int=float)).decode()

    def test_has_an_id_ordered_by_time_and_a_salt_of_its_own(self) -> None:
        first, second = (read(in_sql(an_event(), "{}")) for _ in range(2))
        assert first["salt"] != second["salt"]
        assert re.fullmatch(r"[0-9a-f]{32}", first["salt"])
        assert UUID(first["id"]).version == 7


@pytest.mark.django_db
class TestUuidV7:
    def test_is_of_version_7_and_tells_the_time(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT uuid_v7(), clock_timestamp() FROM generate_series(1, 500)")
            rows = cursor.fetchall()
        assert len({value for value, _ in rows}) == 500
        for value, at in rows:
            assert value.version == 7
            assert value.variant == "specified in RFC 4122"
            assert abs((value.int >> 80) - at.timestamp() * 1000) < 50

    def test_is_ordered_to_the_millisecond(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT uuid_v7(), pg_sleep(0.002) FROM generate_series(1, 20)")
            values = [value for value, _ in cursor.fetchall()]
        assert values == sorted(values)


@pytest.mark.django_db
def test_utc_text_is_as_python_writes_it() -> None:
    for at in (
        NOW,
        datetime(2026, 1, 1, tzinfo=UTC),
        datetime(2026, 7, 1, 23, 59, 59, 999999, tzinfo=timezone(timedelta(hours=14))),
    ):
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL timezone = 'Pacific/Kiritimati'")
            cursor.execute("SELECT utc_text(%s)", [at])
            assert cursor.fetchone()[0] == at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
