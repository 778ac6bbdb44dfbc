"""Which address a call goes to: resolved once, judged, and then connected to as judged."""

import socket
from ipaddress import ip_address

from governance.connectors.interface import Refused, Unreachable


def resolve(host: str, port: int) -> str:
    """The one address that a call to the host may connect to.

    Checked and used are the same, so that a name which changes between the two leads nowhere else. Loopback and
    private addresses are where governed systems are; link-local ones, behind which cloud platforms keep their
    secrets, never are. Raises Unreachable when the name has no address, Refused when a system can't be there.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        msg = f"{host} has no address: {error.strerror or error}"
        raise Unreachable(msg, sent=False) from None
    address = str(found[0][4][0])
    refuse_impossible(host, address)
    return address


def refuse_impossible(host: str, address: str) -> None:
    """Raise Refused if no governed system can be at the address that the host has."""
    judged = ip_address(address.partition("%")[0])
    mapped = getattr(judged, "ipv4_mapped", None) or judged
    if mapped.is_link_local or mapped.is_multicast or mapped.is_unspecified:
        msg = f"{host} is at {address}, where no governed system can be."
        raise Refused(msg)
