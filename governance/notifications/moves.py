from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet

from governance.core.locking import locked_all
from governance.core.wake import after_commit
from governance.notifications.models import Mail, Notification
from governance.notifications.states import Topic

TITLE = 300
"""Characters that a title keeps: names of people and entitlements may be longer together."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One message to one person about one thing; the same `once` is said to them one time only."""

    recipient_id: UUID
    topic: Topic
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
                topic=notice.topic,
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


def notify_at_once(notices: Iterable[Notice], *, now: datetime) -> None:
    """As `notify`, with the letters in the same transaction: nobody waits until they are collected."""
    said = list(notices)
    notify(said, now=now)
    marks, people = {notice.once for notice in said}, {notice.recipient_id for notice in said}
    unsent = Notification.objects.filter(once__in=marks, recipient__in=people, mail__isnull=True)
    gather(locked_all(unsent.exclude(recipient__email="")), now=now)
    after_commit("notifications.post")


def read(unread: "QuerySet[Notification]", *, now: datetime) -> int:
    """Count unread messages as read. Answers how many that were."""
    return unread.update(read_at=now)


def gather(notifications: Iterable[Notification], *, now: datetime) -> int:
    """Put held messages into one letter for each recipient, to go out at once. Answers how many letters."""
    letters: dict[UUID, Mail] = {}
    rows = list(notifications)
    for row in rows:
        row.mail = letters.setdefault(
            row.recipient_id, Mail(recipient_id=row.recipient_id, created_at=now, next_attempt_at=now)
        )
    Mail.objects.bulk_create(letters.values())
    Notification.objects.bulk_update(rows, ["mail"])
    return len(letters)
