"""The one place where the secret of a governed system is read."""

from config.env import ConfigurationError, target_secret
from governance.connectors.interface import Refused


def secret(name: str) -> str:
    """The secret that a connector's settings name. It is read anew each time and never stored.

    Raises Refused when the environment has no such variable, or the name is not one that settings may use.
    """
    try:
        return target_secret(name)
    except ConfigurationError as error:
        raise Refused("; ".join(error.problems)) from None
