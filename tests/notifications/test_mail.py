"""Mail: what was said goes out once, together, to whom it was said, as they prefer, through a real mail server."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from governance.core.outbox import CLAIM, TRIES
from governance.lifecycle import sign_in
from governance.notifications import actions, letters
from governance.notifications.models import Mail, Notification
from governance.notifications.queries import undelivered
from governance.notifications.states import CHOSEN, Rhythm
from governance.requests.models import AccessRequest
from tests.builders import BUILDER, Organisation, actor, entitlement, purpose, step_ids
from tests.harness.mail import Sink, mail_server
from tests.leases import approve, decided, leave
from tests.rules.sql import run

pytestmark = pytest.mark.django_db

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
SEVEN = datetime(2026, 11, 2, 7, tzinfo=UTC)


@pytest.fixture
def sink(settings: Any) -> Iterator[Sink]:
    with mail_server() as (sink, port):
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
        yield sink


@pytest.fixture
def org() -> Organisation:
    org = Organisation()
    run("UPDATE governance_identity SET email = lower(name) || '@leasehold.example'")
    return org


def post(now: datetime | None = None) -> None:
    """What the workers do when it is time."""
    now = now or timezone.now()
    actions.collect(now=now)
    for pk in list(Mail.objects.due(now).values_list("pk", flat=True)):
        actions.deliver(pk, clock=lambda: now)


def to(sink: Sink, name: str) -> list[Any]:
    return [letter for letter in sink.messages if letter["To"] == f"{name}@leasehold.example"]


def prefer(org: Organisation, *, hour: int = 7, **rhythms: Rhythm) -> None:
    chosen = {topic: rhythms.get(topic.value, Rhythm.NEVER) for topic in CHOSEN}
    actions.prefer(rhythms=chosen, digest_hour=hour, actor=actor(org.requester))


def outcome(org: Organisation) -> AccessRequest:
    """A decided request, of which the requester is told."""
    return decided(org.submit(), org.manager, org.owner)


def three_requests(org: Organisation) -> None:
    """Three things wait for the manager."""
    org.submit()
    for _ in range(2):
        other = entitlement(org.system, org.owner)
        org.submit(entitlement_ids=(other.pk,), purpose_id=purpose(org.owner, other).pk)


class TestALetter:
    def test_leads_to_the_exact_thing(self, org: Organisation, sink: Sink) -> None:
        request = outcome(org)
        post()
        (letter,) = to(sink, "requester")
        said = Notification.objects.get(recipient=org.requester)
        link = f"https://leasehold.example/notifications/{said.pk}/"
        assert letter["Subject"] == f"{request} is decided"
        text, html = (letter.get_body([kind]).get_content() for kind in ("plain", "html"))
        assert link in text
        assert f'href="{link}"' in html

    def test_gathers_what_was_said_meanwhile(self, org: Organisation, sink: Sink) -> None:
        three_requests(org)
        post()
        (letter,) = to(sink, "manager")
        assert letter["Subject"].endswith("and 2 more")
        assert letter.get_body(["plain"]).get_content().count("Your decision is asked") == 3

    def test_goes_out_once(self, org: Organisation, sink: Sink) -> None:
        outcome(org)
        for _ in range(3):
            post()
        assert len(to(sink, "requester")) == 1

    def test_says_nothing_of_what_was_read_already(self, org: Organisation, sink: Sink) -> None:
        outcome(org)
        actions.read_all(actor=actor(org.requester), now=timezone.now())
        post()
        assert not to(sink, "requester")

    def test_goes_to_nobody_who_left_or_has_no_address(self, org: Organisation, sink: Sink) -> None:
        outcome(org)
        run("UPDATE governance_identity SET email = '' WHERE id = %s", org.manager.pk)
        leave(org.requester)
        post()
        assert not to(sink, "requester")
        assert not to(sink, "manager")
        assert to(sink, "owner")

    def test_does_not_follow_who_leaves_while_it_waits(self, org: Organisation, sink: Sink) -> None:
        outcome(org)
        now = timezone.now()
        actions.collect(now=now)
        leave(org.requester)
        post(now + MINUTE)
        assert not to(sink, "requester")
        assert Mail.objects.get(recipient=org.requester).given_up_at

    @pytest.mark.parametrize("address", ["ada@", "<>", "ada@leasehold.example\nBcc: all@leasehold.example"])
    def test_to_no_address_is_given_up(self, org: Organisation, sink: Sink, address: str) -> None:
        outcome(org)
        run("UPDATE governance_identity SET email = %s", address)
        post()
        assert not sink.messages
        assert not Mail.objects.filter(given_up_at=None).exists()

    def test_cannot_be_given_another_header(self, org: Organisation, sink: Sink) -> None:
        outcome(org)
        run("UPDATE governance_notification SET title = E'Decided\r\nBcc: all@leasehold.example'")
        post()
        (letter,) = to(sink, "requester")
        assert letter["Bcc"] is None
        assert letter["Subject"] == "Decided Bcc: all@leasehold.example"

    def test_spells_names_out_as_text_never_as_markup(self, org: Organisation, sink: Sink) -> None:
        outcome(org)
        run("UPDATE governance_notification SET body = '<img src=x>'")
        post()
        (letter,) = to(sink, "requester")
        assert "<img" not in letter.get_body(["html"]).get_content()
        assert "<img src=x>" in letter.get_body(["plain"]).get_content()

    def test_that_is_very_long_says_how_much_more_there_is(
        self, org: Organisation, sink: Sink, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(letters, "MOST", 1)
        three_requests(org)
        post()
        (letter,) = to(sink, "manager")
        assert "And 2 more" in letter.get_body(["plain"]).get_content()


class TestAPreference:
    @pytest.mark.parametrize(("rhythm", "letters_"), [(Rhythm.AT_ONCE, 1), (Rhythm.NEVER, 0)])
    def test_is_kept_topic_by_topic(self, org: Organisation, sink: Sink, rhythm: Rhythm, letters_: int) -> None:
        prefer(org, outcome=rhythm)
        outcome(org)
        post()
        assert len(to(sink, "requester")) == letters_

    def test_of_a_digest_is_one_letter_at_its_hour(self, org: Organisation, sink: Sink) -> None:
        prefer(org, outcome=Rhythm.DAILY, hour=7)
        outcome(org)
        run("UPDATE governance_notification SET created_at = %s", SEVEN - MINUTE)
        post(SEVEN - timedelta(seconds=1))
        assert not to(sink, "requester")
        post(SEVEN)
        assert len(to(sink, "requester")) == 1

    def test_of_a_digest_leaves_what_came_after_its_hour_to_the_next_day(self, org: Organisation, sink: Sink) -> None:
        prefer(org, outcome=Rhythm.DAILY, hour=7)
        outcome(org)
        run("UPDATE governance_notification SET created_at = %s", SEVEN + MINUTE)
        post(SEVEN + timedelta(hours=23))
        assert not to(sink, "requester")
        post(SEVEN + DAY)
        assert len(to(sink, "requester")) == 1


class TestWhatConcernsSecurity:
    def test_comes_by_mail_whatever_was_chosen_and_read(self, org: Organisation, sink: Sink) -> None:
        prefer(org)
        user = org.requester.user
        assert user is not None
        sign_in.change(lambda: None, user=user, verb="password_set", actor=BUILDER, now=timezone.now(), facts={})
        actions.read_all(actor=actor(org.requester), now=timezone.now())
        post()
        (letter,) = to(sink, "requester")
        assert letter["Subject"] == "A password was set for your account"
        post()
        assert len(to(sink, "requester")) == 1


class TestAMailServer:
    def test_that_is_down_loses_nothing(self, org: Organisation, sink: Sink, settings: Any) -> None:
        outcome(org)
        port, settings.EMAIL_PORT = settings.EMAIL_PORT, 1
        now = timezone.now()
        post(now)
        assert not sink.messages
        assert Mail.objects.get(recipient=org.requester).error.startswith("ConnectionRefusedError")
        settings.EMAIL_PORT = port
        post(now + MINUTE)
        assert len(to(sink, "requester")) == 1

    def test_that_refuses_the_address_is_not_asked_again(self, org: Organisation, sink: Sink) -> None:
        outcome(org)
        sink.refuse = "550 no such user"
        now = timezone.now()
        post(now)
        sink.refuse = ""
        post(now + DAY)
        assert not sink.messages
        assert undelivered(now) == Mail.objects.count()

    def test_that_is_busy_is_asked_again(self, org: Organisation, sink: Sink) -> None:
        outcome(org)
        sink.refuse = "450 later"
        now = timezone.now()
        post(now)
        sink.refuse = ""
        post(now + MINUTE)
        assert len(to(sink, "requester")) == 1

    def test_that_stays_away_is_given_up_and_readiness_says_so(self, org: Organisation, settings: Any) -> None:
        outcome(org)
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
        now = timezone.now()
        for _ in range(TRIES + 1):
            post(now)
            now += timedelta(hours=5)
        assert set(Mail.objects.values_list("attempts", flat=True)) == {TRIES}
        assert undelivered(now - timedelta(hours=9)) == Mail.objects.count()


class TestAWorkerThatDies:
    def test_before_it_recorded_leaves_the_letter_to_another(
        self, org: Organisation, sink: Sink, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        outcome(org)
        now = timezone.now()
        actions.collect(now=now)
        mail = Mail.objects.get(recipient=org.requester)
        with monkeypatch.context() as dying:
            dying.setattr("governance.core.outbox.sent", die)
            with pytest.raises(SystemExit):
                actions.deliver(mail.pk, clock=lambda: now)
        actions.deliver(mail.pk, clock=lambda: now + MINUTE)
        assert len(to(sink, "requester")) == 1
        actions.deliver(mail.pk, clock=lambda: now + CLAIM)
        first, second = to(sink, "requester")
        assert first["Message-ID"] == second["Message-ID"]
        mail.refresh_from_db()
        assert mail.sent_at == now + CLAIM


def die(*_: Any) -> None:
    raise SystemExit


class TestWhatIsSaid:
    def test_of_work_reaches_whoever_is_asked_next(self, org: Organisation, sink: Sink) -> None:
        first, _ = step_ids(org.submit())
        approve(first, org.manager)
        post()
        assert "Your decision is asked" in to(sink, "owner")[0].get_body(["plain"]).get_content()
