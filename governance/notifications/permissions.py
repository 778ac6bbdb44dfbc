"""Whose messages are whose: a person reads their own, and nobody else's."""

from datetime import datetime
from typing import Any

from governance.core.actor import Actor
from governance.identities.models import Identity
from governance.notifications.models import MailPreference, Notification
from governance.notifications.querysets import NotificationQuerySet
from governance.notifications.states import CHOSEN


def visible(actor: Actor) -> "NotificationQuerySet[Notification]":
    """What was said to the actor, under any of their identities."""
    return Notification.objects.filter(recipient__in=actor.identity_ids)


def unread(actor: Actor) -> "NotificationQuerySet[Notification]":
    """What they have not opened yet."""
    return visible(actor).unread()


def preference(actor: Actor) -> dict[str, Any]:
    """What the actor has chosen, or what holds for whoever has not."""
    own = MailPreference.objects.filter(identity=actor.identity_id).first() or MailPreference()
    return {**{topic.value: getattr(own, topic) for topic in CHOSEN}, "digest_hour": own.digest_hour}


def addresses(actor: Actor, now: datetime) -> list[str]:
    """Where the actor's mail goes: what is said to each identity goes to its own address."""
    own = Identity.objects.active(now).filter(pk__in=actor.identity_ids).exclude(email="")
    return sorted(set(own.values_list("email", flat=True)))
