from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet

from governance.notifications.models import Notification

TITLE = 300
"""Characters that a title keeps: names of people and entitlements may be longer together."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One message to one person about one thing; the same `once` is said to them one time only."""

    recipient_id: UUID
    title: str
    body: str
    subject: tuple[str, UUID]
    once: str


def notify(notices: Iterable[Notice], *, now: datetime) -> None:
    """Put the messages in the inboxes, in one statement; what was said before is not said again."""
    Notification.objects.bulk_create(
        [
            Notification(
                recipient_id=notice.recipient_id,
                title=notice.title[:TITLE],
                body=notice.body,
                subject_kind=notice.subject[0],
                subject_id=notice.subject[1],
                once=notice.once,
                created_at=now,
            )
            for notice in notices
        ],
        ignore_conflicts=True,
    )


def read(unread: "QuerySet[Notification]", *, now: datetime) -> int:
    """Count unread messages as read. Answers how many that were."""
    return unread.update(read_at=now)
