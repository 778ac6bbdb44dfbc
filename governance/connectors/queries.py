"""The connector behind a system."""

from uuid import UUID

from governance.connectors import registry
from governance.connectors.interface import Connector, Refused
from governance.connectors.models import ConnectorConfiguration
from governance.core.errors import Invalid


def connector_of(system_id: UUID) -> Connector:
    """The connector through which the system is reached, made anew; it connects to nothing yet.

    Raises Refused, saying what is wrong: none is configured, its plugin is missing, or its settings can't be used.
    """
    configuration = ConnectorConfiguration.objects.filter(system=system_id).first()
    if configuration is None:
        msg = "No connector is configured for this system."
        raise Refused(msg)
    try:
        return registry.make(configuration.plugin, configuration.settings)
    except Invalid as invalid:
        msg = f"The connector's settings can't be used. {invalid.message}"
        raise Refused(msg) from invalid
