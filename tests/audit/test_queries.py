from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from governance.audit import actions, permissions, queries
from governance.audit.filters import EventFilter
from governance.audit.models import AuditEvent
from governance.core.actor import Actor, Role
from governance.core.errors import Conflict, Denied, Invalid, NotFound
from tests.audit.builders import NOW, SUBJECT, an_actor, an_event, append, append_many

pytestmark = pytest.mark.django_db


def numbers(events: Any) -> list[int]:
    return [event.content["facts"]["number"] for event in events]


def filtered(**data: str) -> list[int]:
    form = EventFilter(data, queryset=AuditEvent.objects.order_by("sequence"))
    assert form.is_valid(), form.errors
    return numbers(form.qs)


class TestEventsOf:
    def test_is_the_chain_of_all_subjects_oldest_first(self, django_assert_num_queries: Any) -> None:
        other = UUID(int=99)
        append(an_event(1), an_event(2, subject_id=other), an_event(3, subject_id=UUID(int=100)), an_event(4))
        with django_assert_num_queries(1):
            assert numbers(queries.events_of([SUBJECT, other])) == [1, 2, 4]


class TestEventFilter:
    @pytest.fixture(autouse=True)
    def _events(self) -> None:
        append(
            an_event(1, action="grant.active", reason="for the Audit of 2026", at=NOW),
            an_event(2, action="grant.revoked", subject_label="G-100%", at=NOW + timedelta(hours=1)),
            an_event(
                3, action="purpose.grant", actor=Actor.system("expiry"), subject_kind="purpose", subject_id=UUID(int=8)
            ),
            an_event(
                4, action="thing_made", actor=an_actor(label='Grace "Amazing" H\u00f6pper'), at=NOW + timedelta(hours=2)
            ),
        )

    @pytest.mark.parametrize(
        ("data", "expected"),
        [
            ({}, [1, 2, 3, 4]),
            ({"action": "grant."}, [1, 2]),
            ({"action": "grant.revoked"}, [2]),
            ({"action": "thing%"}, []),
            ({"subject": str(UUID(int=8))}, [3]),
            ({"subject_kind": "purpose"}, [3]),
            ({"actor": str(UUID(int=5))}, [1, 2, 4]),
            ({"actor_kind": "system"}, [3]),
            ({"since": "2026-11-21T11:00:00.000001Z"}, [2, 4]),
            ({"until": "2026-11-21T11:00:00.000001Z"}, [1, 3]),
            ({"text": "audit of"}, [1]),
            ({"text": "100%"}, [2]),
            ({"text": 'e "amazing" h\u00f6'}, [4]),
            ({"text": "number"}, []),
            ({"text": "because", "action": "grant"}, [2]),
        ],
    )
    def test_finds(self, data: dict[str, str], expected: list[int]) -> None:
        assert filtered(**data) == expected

    def test_finds_no_words_in_a_redacted_event(self) -> None:
        event = AuditEvent.objects.get(action="grant.active")
        actions.redact(event_id=event.id, actor=an_actor(Role.SECURITY), reason="mistaken", now=NOW)
        form = EventFilter({"text": "audit of"}, queryset=AuditEvent.objects.all())
        assert not form.qs.exists()

    def test_says_what_is_wrong_with_a_field(self) -> None:
        form = EventFilter({"subject": "nobody", "since": "yesterday"}, queryset=AuditEvent.objects.all())
        assert not form.is_valid()
        assert set(form.errors) == {"subject", "since"}


class TestPermissions:
    @pytest.mark.parametrize("role", [Role.ADMINISTRATOR, Role.AUDITOR, Role.SECURITY])
    def test_those_who_answer_for_the_portal_see_the_list(self, role: Role) -> None:
        append_many(2)
        assert permissions.visible(an_actor(role)).count() == 2

    @pytest.mark.parametrize("actor", [an_actor(), Actor.system("expiry")])
    def test_nobody_else_sees_an_event(self, actor: Actor) -> None:
        (event,) = append(an_event(actor=actor))
        assert not permissions.visible(actor).exists()
        with pytest.raises(NotFound):
            permissions.found(actor, "redact", event.id)

    def test_a_verb_that_nobody_listed_is_denied(self) -> None:
        assert not permissions.can(an_actor(*Role), "rewrite")


class TestRedact:
    def test_is_denied_to_an_auditor(self) -> None:
        (event,) = append(an_event())
        with pytest.raises(Denied, match="administrator or the security team"):
            actions.redact(event_id=event.id, actor=an_actor(Role.AUDITOR), reason="x", now=NOW)
        assert AuditEvent.objects.count() == 1

    def test_needs_a_reason(self) -> None:
        (event,) = append(an_event())
        with pytest.raises(Invalid) as wrong:
            actions.redact(event_id=event.id, actor=an_actor(Role.SECURITY), reason=" ", now=NOW)
        assert set(wrong.value.fields) == {"reason"}

    def test_happens_once(self) -> None:
        (event,) = append(an_event())
        again: dict[str, Any] = {"event_id": event.id, "actor": an_actor(Role.SECURITY), "reason": "x", "now": NOW}
        actions.redact(**again)
        with pytest.raises(Conflict, match="already"):
            actions.redact(**again)
        assert AuditEvent.objects.count() == 2
