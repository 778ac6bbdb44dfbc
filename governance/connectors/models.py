from typing import Any

from django.db import models

from governance.catalog.models import System
from governance.core.models import Governed


class ConnectorConfiguration(Governed):
    """How a system is reached. Secrets are named, never held: settings say which variable holds one."""

    NOUN = "connector"

    system = models.OneToOneField(System, on_delete=models.PROTECT, related_name="connector")
    plugin = models.CharField(max_length=64)
    settings = models.JSONField(default=dict)

    def __str__(self) -> str:
        return f"{self.plugin} for {self.system}"

    def facts(self) -> dict[str, Any]:
        """The plugin and the system it serves."""
        return {"system_id": str(self.system_id), "plugin": self.plugin}
