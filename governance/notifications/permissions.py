"""Whose messages are whose: a person reads their own, and nobody else's."""

from django.db.models import QuerySet

from governance.core.actor import Actor
from governance.notifications.models import Notification


def visible(actor: Actor) -> "QuerySet[Notification]":
    """What was said to the actor, under any of their identities."""
    return Notification.objects.filter(recipient__in=actor.identity_ids)


def unread(actor: Actor) -> "QuerySet[Notification]":
    """What they have not opened yet."""
    return visible(actor).filter(read_at__isnull=True)
