"""How systems are said to be reached."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from governance.catalog.models import System
from governance.connectors import registry
from governance.connectors.interface import Refused
from governance.connectors.models import ConnectorConfiguration
from governance.core.actor import Actor
from governance.core.errors import Invalid
from governance.core.moves import create


def connect(
    system: System, plugin: str, settings: Mapping[str, Any], *, actor: Actor, why: str, now: datetime
) -> ConnectorConfiguration:
    """Say how a system is reached. Settings name secrets and never hold them.

    Raises Invalid with what is wrong beside each setting, or beside `plugin`. Connects to nothing.
    """
    try:
        registry.make(plugin, settings)
    except Refused as refused:
        raise Invalid({"plugin": refused.message}) from refused
    return create(
        ConnectorConfiguration(system=system, plugin=plugin, settings=dict(settings)), actor=actor, why=why, now=now
    )
