"""What a reader does with their inbox."""

from datetime import datetime
from uuid import UUID

from governance.core.actor import Actor
from governance.core.errors import NotFound
from governance.core.locking import unit_of_work
from governance.notifications import moves, permissions
from governance.notifications.models import Notification


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
