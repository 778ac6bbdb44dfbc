"""The log as Django reads it. Its tables are made, guarded and written by SQL: migration 0002_audit."""

from functools import cached_property
from typing import ClassVar

from django.db import models

from governance.audit.line import Content, read
from governance.core.ids import new_id


class AuditEvent(models.Model):
    """One event: what is known of it even after redaction, and the hash that the tree seals. Append-only (rule 13)."""

    sequence = models.BigIntegerField(primary_key=True)
    id = models.UUIDField()
    at = models.DateTimeField()
    action = models.TextField()
    subject_kind = models.TextField()
    subject_id = models.UUIDField()
    actor_kind = models.TextField()
    actor_id = models.UUIDField(null=True)
    leaf_hash = models.BinaryField()

    class Meta:
        managed = False
        db_table = "audit_event"
        default_permissions: ClassVar = ()

    def __str__(self) -> str:
        return f"event {self.sequence}"

    @cached_property
    def content(self) -> Content | None:
        """What its line says, None once redacted. Lists read it with `select_related("body")`."""
        try:
            return read(self.body.line)
        except AuditBody.DoesNotExist:
            return None


class AuditBody(models.Model):
    """The canonical line of an event. Only a redaction removes it, which is an event itself."""

    event = models.OneToOneField(
        AuditEvent,
        primary_key=True,
        db_column="sequence",
        db_constraint=False,  # a key across partitions would need the time as well
        on_delete=models.DO_NOTHING,
        related_name="body",
    )
    line = models.TextField()

    class Meta:
        managed = False
        db_table = "audit_body"
        default_permissions: ClassVar = ()

    def __str__(self) -> str:
        return self.line


class AuditLeaf(models.Model):
    """The place of an event in the Merkle tree. Append-only."""

    index = models.BigIntegerField(primary_key=True)
    sequence = models.BigIntegerField(unique=True)
    leaf_hash = models.BinaryField()

    class Meta:
        managed = False
        db_table = "audit_leaf"
        default_permissions: ClassVar = ()

    def __str__(self) -> str:
        return f"leaf {self.index}"


class AuditCheckpoint(models.Model):
    """A signed promise about the first `size` leaves. Append-only."""

    size = models.BigIntegerField(primary_key=True)
    root = models.BinaryField()
    sealed_at = models.DateTimeField()
    note = models.TextField()

    class Meta:
        managed = False
        db_table = "audit_checkpoint"
        default_permissions: ClassVar = ()

    def __str__(self) -> str:
        return f"checkpoint of {self.size}"


class AuditCheck(models.Model):
    """The checker's verdict: leaves [from_size, to_size) were new to it, [again_from, again_to) looked at again."""

    id = models.UUIDField(primary_key=True, default=new_id)
    at = models.DateTimeField()
    from_size = models.BigIntegerField()
    to_size = models.BigIntegerField()
    again_from = models.BigIntegerField()
    again_to = models.BigIntegerField()
    ok = models.BooleanField()
    finding = models.TextField()

    class Meta:
        managed = False
        db_table = "audit_check"
        default_permissions: ClassVar = ()

    def __str__(self) -> str:
        return self.finding or "verified"
