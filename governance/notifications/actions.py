"""What a reader does with their inbox, and what workers do to bring it to them by mail."""

import smtplib
from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from governance.core import outbox
from governance.core.actor import Actor
from governance.core.errors import NotFound
from governance.core.locking import locked_all, unit_of_work
from governance.notifications import letters, moves, permissions
from governance.notifications.models import Mail, MailPreference, Notification
from governance.notifications.states import Rhythm, Topic

AT_A_TIME = 100
"""Recipients whose notifications one transaction collects."""


@unit_of_work()
def open_notification(*, notification_id: UUID, actor: Actor, now: datetime) -> Notification:
    """Count one message as read. Safe to repeat: the first time stays. Raises NotFound."""
    found = permissions.visible(actor).filter(pk=notification_id).first()
    if found is None:
        raise NotFound
    moves.read(permissions.unread(actor).filter(pk=notification_id), now=now)
    return found


@unit_of_work()
def read_all(*, actor: Actor, now: datetime) -> int:
    """Count everything said so far as read. Answers how many messages that were."""
    return moves.read(permissions.unread(actor).filter(created_at__lte=now), now=now)


@unit_of_work()
def prefer(*, rhythms: dict[Topic, Rhythm], digest_hour: int, actor: Actor) -> MailPreference:
    """Say what comes by mail, topic by topic, to each identity of the actor's: they are one reader.

    `digest_hour` is an hour of the day in UTC. Raises NotFound.
    """
    if actor.identity_id is None:
        raise NotFound
    chosen = {**{topic.value: rhythm for topic, rhythm in rhythms.items()}, "digest_hour": digest_hour}
    kept = {pk: MailPreference.objects.update_or_create(identity_id=pk, defaults=chosen) for pk in actor.identity_ids}
    preference, _ = kept[actor.identity_id]
    return preference


@unit_of_work()
def collect(*, now: datetime) -> int:
    """Put what is to be mailed now into one letter for each recipient. Answers how many letters.

    Safe beside a twin: what a twin holds is left to it.
    """
    due = Notification.objects.to_mail(now)
    recipients = list(due.order_by("recipient").values_list("recipient", flat=True).distinct()[:AT_A_TIME])
    return moves.gather(locked_all(due.filter(recipient__in=recipients), skip_locked=True), now=now)


def deliver(mail_id: UUID, *, clock: Callable[[], datetime]) -> None:
    """Send one letter, if it is due and nobody else has it, and record how that went.

    A worker that dies after sending and before recording sends it again, under the same Message-ID.
    """
    mail = _claim(mail_id, clock())
    if mail is None:
        return
    try:
        letters.send(mail, clock())
    except outbox.Undeliverable as refused:
        outbox.failed(mail, str(refused), clock(), for_good=True)
    except (OSError, smtplib.SMTPException) as error:
        outbox.failed(mail, f"{type(error).__name__}: {error}", clock(), for_good=False)
    else:
        outbox.sent(mail, clock())


@unit_of_work()
def _claim(mail_id: UUID, now: datetime) -> Mail | None:
    return outbox.claim(Mail.objects.filter(pk=mail_id), now)
