from datetime import datetime, timedelta
from typing import Self, TypeVar

from django.db import models
from django.db.models import Case, DateTimeField, Q, Value, When
from django.db.models.functions import Coalesce

from governance.identities.querysets import acts
from governance.notifications.states import ALWAYS, CHOSEN, Rhythm

M = TypeVar("M", bound=models.Model, covariant=True)

STALE = timedelta(days=7)
"""Older messages are not mailed any more: a mail server that was away for long must not bring a flood."""

HOURS = 24
USUAL_HOUR = 7


class NotificationQuerySet(models.QuerySet[M]):
    """Reads over notifications."""

    def unread(self) -> Self:
        """Those that their reader has not opened."""
        return self.filter(read_at__isnull=True)

    def to_mail(self, now: datetime) -> Self:
        """Those that a mail is to take along now, by what each recipient prefers; not what was read already.

        What always comes by mail does so even then: whoever sits in somebody's session must not keep it from them.
        """
        unsaid = Q(read_at__isnull=True) | Q(topic__in=sorted(ALWAYS))
        waiting = self.filter(unsaid, acts(now, "recipient__"), mail__isnull=True, created_at__gt=now - STALE)
        wanted = waiting.exclude(recipient__email="").annotate(rhythm=_rhythm())
        daily = Q(rhythm=Rhythm.DAILY, created_at__lt=_last_digest(now))
        return wanted.filter(Q(rhythm=Rhythm.AT_ONCE) | daily)


def _rhythm() -> Case:
    """The rhythm that the recipient chose for the message's topic."""
    chosen = (
        When(topic=topic, then=Coalesce(f"recipient__mail_preference__{topic}", Value(Rhythm.AT_ONCE)))
        for topic in CHOSEN
    )
    return Case(*chosen, default=Value(Rhythm.AT_ONCE))


def _last_digest(now: datetime) -> Case:
    """The last moment at which the hour (UTC) struck that the recipient has chosen for their digest."""
    chosen = (
        When(recipient__mail_preference__digest_hour=hour, then=Value(struck(hour, now))) for hour in range(HOURS)
    )
    return Case(*chosen, default=Value(struck(USUAL_HOUR, now)), output_field=DateTimeField())


def struck(hour: int, now: datetime) -> datetime:
    """The last moment, not after `now`, at which the hour of the day struck."""
    today = now.replace(hour=hour, minute=0, second=0, microsecond=0)
    return today if today <= now else today - timedelta(days=1)
