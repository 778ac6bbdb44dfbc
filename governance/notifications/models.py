from typing import ClassVar

from django.db import models

from governance.core.models import Record
from governance.identities.models import Identity


class Notification(Record):
    """One message in a person's inbox, leading to the exact thing. `once` keeps it from being said twice."""

    recipient = models.ForeignKey(Identity, on_delete=models.PROTECT, related_name="notifications")
    title = models.CharField(max_length=300)
    body = models.TextField(blank=True)
    subject_kind = models.CharField(max_length=32)
    subject_id = models.UUIDField()
    once = models.CharField(max_length=200)
    created_at = models.DateTimeField()
    read_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["recipient", "-created_at"], name="inbox_latest_first")]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["recipient", "once"], name="one_notification_of_a_kind"),
        ]

    def __str__(self) -> str:
        return self.title
