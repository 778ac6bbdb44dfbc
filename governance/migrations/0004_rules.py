"""What only triggers can say of the domain's rules; the rest are constraints of the models."""

from pathlib import Path

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("governance", "0003_domain")]

    operations = [migrations.RunSQL(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))]
