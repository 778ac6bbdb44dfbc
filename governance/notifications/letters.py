"""A letter: what was collected for one person, as text and as HTML, each message leading to the exact thing."""

import smtplib
from datetime import datetime
from email.utils import format_datetime, parseaddr

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.urls import reverse

from governance.core.outbox import Undeliverable
from governance.notifications.models import Mail, Notification

MOST = 50
"""Messages that one letter spells out; it says how many more there are."""
PERMANENT = range(500, 600)


def send(mail: Mail, now: datetime) -> None:
    """Hand the letter to the mail server.

    Raises Undeliverable when it will never arrive, OSError or SMTPException when it may later.
    """
    letter = _letter(mail, now)
    try:
        letter.send()
    except smtplib.SMTPRecipientsRefused as refused:
        codes = [code for code, _ in refused.recipients.values()]
        if all(code in PERMANENT for code in codes):
            raise Undeliverable(f"The mail server refused the address: {codes[0]}") from refused
        raise
    except (TypeError, ValueError) as wrong:  # what Django makes of an address that is none
        raise Undeliverable(f"Nothing can be sent to the address: {wrong}") from wrong


def _letter(mail: Mail, now: datetime) -> EmailMultiAlternatives:
    """The letter as the mail server gets it; the address is the recipient's of this moment."""
    notifications = list(mail.notifications.order_by("created_at", "pk")[: MOST + 1])
    if not notifications or not mail.recipient.email or not mail.recipient.acts(now):
        raise Undeliverable("There is nothing to say, nobody active to say it to, or no address.")
    context = {
        "recipient": mail.recipient,
        "messages": [(one, _link(one)) for one in notifications[:MOST]],
        "more": max(0, mail.notifications.count() - MOST),
        "inbox": absolute(reverse("notification-list")),
        "preferences": absolute(reverse("notification-preferences")),
        "organisation": settings.ORGANISATION_NAME,
    }
    letter = EmailMultiAlternatives(
        subject=_subject(notifications),
        body=render_to_string("mail/notifications.txt", context),
        to=[mail.recipient.email],
        headers={
            "Message-ID": f"<{mail.pk}@{parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition('@')[2]}>",
            "Date": format_datetime(now),
            "Auto-Submitted": "auto-generated",
        },
    )
    letter.attach_alternative(render_to_string("mail/notifications.html", context), "text/html")
    return letter


def _subject(notifications: list[Notification]) -> str:
    """The only message's title, or how many there are; a header is one line."""
    first = " ".join(notifications[0].title.split())
    return first if len(notifications) == 1 else f"{first}, and {len(notifications) - 1} more"


def _link(notification: Notification) -> str:
    return absolute(reverse("notification-open", args=[notification.pk]))


def absolute(path: str) -> str:
    """An address in a letter: below PUBLIC_URL, whatever host a visitor has named."""
    return f"{settings.PUBLIC_URL.rstrip('/')}{path}"
