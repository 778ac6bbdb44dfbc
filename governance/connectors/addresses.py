"""Which address a call goes to: resolved once, judged, and then connected to as judged."""

import socket
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from governance.connectors.interface import Refused, Unreachable

METADATA = frozenset(map(ip_address, ("fd00:ec2::254", "100.100.100.200", "192.0.0.192", "168.63.129.16")))
"""Behind which cloud platforms hand out secrets, beside the link-local addresses."""
NAT64 = ip_network("64:ff9b::/96")
LOW_32_BITS = 0xFFFFFFFF


def resolve(host: str, port: int, *, private: bool = True) -> str:
    """The one address that a call to the host may connect to.

    Checked and used are the same, so that a name which changes between the two leads nowhere else. Loopback and
    private addresses are where governed systems are, unless `private` says that this one is out on the internet;
    link-local ones and others behind which cloud platforms hand out secrets never are. Raises Unreachable when the
    name has no address, Refused when a system can't be there.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        msg = f"{host} has no address: {error.strerror or error}"
        raise Unreachable(msg, sent=False) from None
    address = str(found[0][4][0])
    refuse_impossible(host, address)
    if not private and not _judged(address).is_global:
        msg = f"{host} is at {address}, a private address, which this connector may not use."
        raise Refused(msg)
    return address


def refuse_impossible(host: str, address: str) -> None:
    """Raise Refused if no governed system can be at the address that the host has."""
    judged = _judged(address)
    if judged.is_link_local or judged.is_multicast or judged.is_unspecified or judged in METADATA:
        msg = f"{host} is at {address}, where no governed system can be."
        raise Refused(msg)


def _judged(address: str) -> IPv4Address | IPv6Address:
    """The address without its zone; an IPv4 address in the clothes of IPv6 as what it is."""
    judged = ip_address(address.partition("%")[0])
    if isinstance(judged, IPv4Address):
        return judged
    if judged in NAT64:
        return IPv4Address(int(judged) & LOW_32_BITS)
    return judged.ipv4_mapped or judged.sixtofour or judged
