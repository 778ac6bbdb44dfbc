"""Which connectors there are: those that come with the portal, and those of other installed packages."""

from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from governance.connectors.interface import Connector, Refused
from governance.core.errors import DomainError

GROUP = "leasehold.connectors"
"""The entry point group in which a package names its connectors."""

BUILT_IN: Mapping[str, EntryPoint] = {
    name: EntryPoint(name=name, value=f"governance.connectors.{name}:{kind}", group=GROUP)
    for name, kind in {
        "manual": "ManualConnector",
        "portal": "PortalConnector",
        "postgres": "PostgresConnector",
        "scim": "ScimConnector",
    }.items()
}


def plugins() -> Mapping[str, EntryPoint]:
    """All connectors by name. A package can't put its own in the place of one that comes with the portal."""
    installed = {entry.name: entry for entry in entry_points(group=GROUP)}
    return {**installed, **BUILT_IN}


def connector_class(plugin: str) -> type[Connector]:
    """The connector of that name. Raises Refused when there is none, or it can't be loaded, or is no connector."""
    entry = BUILT_IN.get(plugin) or plugins().get(plugin)
    if entry is None:
        msg = f"No connector is called {plugin}; there are {', '.join(sorted(plugins()))}."
        raise Refused(msg)
    try:
        found = entry.load()
    except Exception as error:
        msg = f"The connector {plugin} can't be loaded from {entry.value}: {error}"
        raise Refused(msg) from error
    if not (isinstance(found, type) and issubclass(found, Connector)):
        msg = f"The connector {plugin} is not one: {entry.value} is no subclass of Connector."
        raise Refused(msg)
    return found


def make(plugin: str, settings: Mapping[str, Any]) -> Connector:
    """A connector for the settings. Connects to nothing. Raises Refused, and Invalid for bad settings."""
    kind = connector_class(plugin)
    try:
        return kind.from_settings(settings)
    except DomainError:
        raise
    except Exception as error:
        msg = f"The connector {plugin} broke over its settings: {type(error).__name__}."
        raise Refused(msg) from error
