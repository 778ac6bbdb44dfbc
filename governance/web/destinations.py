"""Where a visitor goes on to: never out of the portal because a link said so."""

from django.http import HttpRequest
from django.utils.http import url_has_allowed_host_and_scheme


def within(request: HttpRequest, wanted: str | None, otherwise: str) -> str:
    """The address that was wanted, if it is within the portal; else the other one."""
    address = wanted or ""
    inside = url_has_allowed_host_and_scheme(address, {request.get_host()}, require_https=request.is_secure())
    return address if inside else otherwise
