"""The audit log in its final shape: SQL makes and guards the tables, Django only reads them.

There is no way back: undoing this migration would be a way to remove the log.
"""

from pathlib import Path

import django.db.models.deletion
from django.db import migrations, models

import governance.core.ids

OPTIONS = {"managed": False, "default_permissions": ()}


class Migration(migrations.Migration):
    dependencies = [("governance", "0001_foundations")]

    operations = [
        migrations.RunSQL(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")),
        migrations.CreateModel(
            name="AuditEvent",
            fields=[
                ("sequence", models.BigIntegerField(primary_key=True, serialize=False)),
                ("id", models.UUIDField()),
                ("at", models.DateTimeField()),
                ("action", models.TextField()),
                ("subject_kind", models.TextField()),
                ("subject_id", models.UUIDField()),
                ("actor_kind", models.TextField()),
                ("actor_id", models.UUIDField(null=True)),
                ("leaf_hash", models.BinaryField()),
            ],
            options={"db_table": "audit_event", **OPTIONS},
        ),
        migrations.CreateModel(
            name="AuditBody",
            fields=[
                (
                    "event",
                    models.OneToOneField(
                        db_column="sequence",
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        primary_key=True,
                        related_name="body",
                        serialize=False,
                        to="governance.auditevent",
                    ),
                ),
                ("line", models.TextField()),
            ],
            options={"db_table": "audit_body", **OPTIONS},
        ),
        migrations.CreateModel(
            name="AuditLeaf",
            fields=[
                ("index", models.BigIntegerField(primary_key=True, serialize=False)),
                ("sequence", models.BigIntegerField(unique=True)),
                ("leaf_hash", models.BinaryField()),
            ],
            options={"db_table": "audit_leaf", **OPTIONS},
        ),
        migrations.CreateModel(
            name="AuditCheckpoint",
            fields=[
                ("size", models.BigIntegerField(primary_key=True, serialize=False)),
                ("root", models.BinaryField()),
                ("sealed_at", models.DateTimeField()),
                ("note", models.TextField()),
            ],
            options={"db_table": "audit_checkpoint", **OPTIONS},
        ),
        migrations.CreateModel(
            name="AuditCheck",
            fields=[
                ("id", models.UUIDField(default=governance.core.ids.new_id, primary_key=True, serialize=False)),
                ("at", models.DateTimeField()),
                ("from_size", models.BigIntegerField()),
                ("to_size", models.BigIntegerField()),
                ("again_from", models.BigIntegerField()),
                ("again_to", models.BigIntegerField()),
                ("ok", models.BooleanField()),
                ("finding", models.TextField()),
            ],
            options={"db_table": "audit_check", **OPTIONS},
        ),
    ]
