from typing import ClassVar

from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import Q

from governance.core.models import Record
from governance.core.outbox import Outgoing
from governance.identities.models import Identity
from governance.notifications import querysets
from governance.notifications.states import ALWAYS, CHOSEN, Rhythm, Topic

LAST_HOUR = 23


class Mail(Outgoing):
    """One letter to one person, with the notifications that were collected for it."""

    recipient = models.ForeignKey(Identity, on_delete=models.PROTECT, related_name="mails")

    class Meta:
        indexes: ClassVar = [
            models.Index(
                fields=["next_attempt_at"],
                condition=Q(sent_at__isnull=True, given_up_at__isnull=True),
                name="mail_waiting",
            )
        ]

    def __str__(self) -> str:
        return f"mail to {self.recipient}"


class Notification(Record):
    """One message in a person's inbox, leading to the exact thing. `once` keeps it from being said twice."""

    recipient = models.ForeignKey(Identity, on_delete=models.PROTECT, related_name="notifications")
    topic = models.CharField(max_length=16, choices=Topic.choices)
    title = models.CharField(max_length=300)
    body = models.TextField(blank=True)
    subject_kind = models.CharField(max_length=32)
    subject_id = models.UUIDField()
    once = models.CharField(max_length=200)
    created_at = models.DateTimeField()
    read_at = models.DateTimeField(null=True)
    mail = models.ForeignKey(Mail, null=True, on_delete=models.PROTECT, related_name="notifications")

    objects = querysets.NotificationQuerySet.as_manager()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["recipient", "-created_at"], name="inbox_latest_first"),
            models.Index(
                fields=["created_at"],
                condition=Q(mail__isnull=True) & (Q(read_at__isnull=True) | Q(topic__in=sorted(ALWAYS))),
                name="not_mailed_nor_read",
            ),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["recipient", "once"], name="one_notification_of_a_kind"),
            models.CheckConstraint(condition=Q(topic__in=Topic.values), name="notification_topic_is_known"),
        ]

    def __str__(self) -> str:
        return self.title


class MailPreference(Record):
    """What a person wants by mail, topic by topic, where that is theirs to choose; by default all within a minute."""

    identity = models.OneToOneField(Identity, on_delete=models.PROTECT, related_name="mail_preference")
    work = models.CharField(max_length=16, choices=Rhythm.choices, default=Rhythm.AT_ONCE)
    outcome = models.CharField(max_length=16, choices=Rhythm.choices, default=Rhythm.AT_ONCE)
    end = models.CharField(max_length=16, choices=Rhythm.choices, default=Rhythm.AT_ONCE)
    digest_hour = models.PositiveSmallIntegerField(default=7, validators=[MaxValueValidator(LAST_HOUR)])

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(digest_hour__lte=LAST_HOUR), name="digest_hour_is_an_hour"),
            *(
                models.CheckConstraint(condition=Q(**{f"{topic}__in": Rhythm.values}), name=f"rhythm_of_{topic}_known")
                for topic in CHOSEN
            ),
        ]

    def __str__(self) -> str:
        return f"mail preference of {self.identity}"
