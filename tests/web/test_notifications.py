"""The inbox: one's own messages, each leading to what it is about."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from governance.notifications.models import MailPreference, Notification
from tests.builders import Organisation, person, step_ids
from tests.leases import decided, reject
from tests.web.conftest import Visit

pytestmark = pytest.mark.django_db


def text(answer: Any) -> str:
    """The part of the page that is its own."""
    return str(answer.content.decode().split("<main")[1])


def test_says_to_each_what_concerns_them(org: Organisation, visit: Visit) -> None:
    request = org.submit()
    page = visit(org.manager).get(reverse("notification-list"))
    assert "Your decision is asked" in text(page)
    assert "Your decision is asked" not in text(visit(org.requester).get(reverse("notification-list")))
    decided(request, org.manager, org.owner)
    assert f"{request} is decided" in text(visit(org.requester).get(reverse("notification-list")))


def test_leads_to_the_exact_thing_and_counts_as_read(org: Organisation, visit: Visit) -> None:
    request = decided(org.submit(), org.manager, org.owner)
    said = Notification.objects.get(recipient=org.requester)
    client = visit(org.requester)
    assert "Notifications, 1 unread" in client.get("/").content.decode()
    opened = client.get(reverse("notification-open", args=[said.pk]))
    assert opened["Location"] == reverse("request-detail", args=[request.pk])
    assert "unread" not in client.get("/").content.decode()
    assert "Unread" not in text(client.get(reverse("notification-list"), {"read": "no"})).split("Clear")[1]


def test_is_nobody_elses_to_open(org: Organisation, visit: Visit) -> None:
    decided(org.submit(), org.manager, org.owner)
    said = Notification.objects.get(recipient=org.requester)
    assert visit(org.manager).get(reverse("notification-open", args=[said.pk])).status_code == 404
    said.refresh_from_db()
    assert said.read_at is None


def test_can_be_read_all_at_once(org: Organisation, visit: Visit) -> None:
    org.submit()
    others = Notification.objects.exclude(recipient=org.manager)
    unread = others.filter(read_at__isnull=True).count()
    client = visit(org.manager)
    answer = client.post(reverse("notification-read-all"), follow=True)
    assert "1 notification marked as read." in text(answer)
    assert not Notification.objects.filter(recipient=org.manager, read_at__isnull=True).exists()
    assert others.filter(read_at__isnull=True).count() == unread


def test_tells_a_requester_that_they_were_refused(org: Organisation, visit: Visit) -> None:
    request = org.submit()
    reject(step_ids(request)[0], org.manager)
    assert f"{request} is decided" in text(visit(org.requester).get(reverse("notification-list")))


class TestPreferences:
    def test_are_kept(self, org: Organisation, visit: Visit) -> None:
        client = visit(org.requester)
        address = reverse("notification-preferences")
        chosen = {"work": "daily", "outcome": "never", "end": "at_once", "digest_hour": "16"}
        assert "Your choice is kept." in text(client.post(address, chosen, follow=True))
        kept = MailPreference.objects.get(identity=org.requester)
        assert (kept.work, kept.outcome, kept.end, kept.digest_hour) == ("daily", "never", "at_once", 16)
        assert '<option value="16" selected>' in text(client.get(address))

    def test_hold_for_every_identity_of_the_same_human(self, org: Organisation, visit: Visit) -> None:
        twin = person("Twin", human=org.requester.human, email="twin@leasehold.example")
        chosen = {"work": "daily", "outcome": "never", "end": "at_once", "digest_hour": "16"}
        page = visit(org.requester).post(reverse("notification-preferences"), chosen, follow=True)
        assert MailPreference.objects.get(identity=twin).outcome == "never"
        assert "twin@leasehold.example" in text(page)

    @pytest.mark.parametrize("wrong", [{"work": "hourly"}, {"digest_hour": "24"}, {"digest_hour": "x"}, {"end": ""}])
    def test_that_do_not_exist_are_refused(self, org: Organisation, visit: Visit, wrong: dict[str, str]) -> None:
        chosen = {"work": "daily", "outcome": "never", "end": "at_once", "digest_hour": "16", **wrong}
        answer = visit(org.requester).post(reverse("notification-preferences"), chosen)
        assert answer.status_code == 422
        assert not MailPreference.objects.exists()
