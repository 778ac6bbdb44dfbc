"""Who can walk in with one click. In demo mode alone: whoever reaches the portal then is whom they like."""

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings

from governance.identities.models import Identity

MOST = 24


@dataclass(frozen=True, slots=True)
class Persona:
    """An invented person."""

    key: str
    name: str
    kind: str
    two: str


def personas(now: datetime) -> list[Persona]:
    """The people of the demonstration with an account, in the order in which they came; nobody outside demo mode."""
    if not settings.DEMO_MODE:
        return []
    people = Identity.objects.active(now).filter(user__is_active=True).select_related("user").order_by("pk")
    return [Persona(one.user.username, one.name, one.kind, one.title) for one in people[:MOST] if one.user]
