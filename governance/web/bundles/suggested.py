"""A suggestion of mined access, as the form of a new bundle begins with it."""

from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.utils.text import slugify

from governance.analysis import permissions
from governance.analysis.models import RoleSuggestion
from governance.catalog import permissions as catalog
from governance.core.actor import Actor
from governance.core.errors import NotFound

REVIEWED_IN: Final = timedelta(days=180)
LONGEST_KEY: Final = 64


def suggested(named: str, actor: Actor, now: datetime) -> dict[str, Any]:
    """What the form says at first. Raises NotFound for a suggestion that the actor doesn't see."""
    with suppress(ValueError):
        if one := permissions.suggestions(actor).filter(pk=UUID(named)).first():
            return _initial(one, actor, now)
    raise NotFound


def _initial(one: RoleSuggestion, actor: Actor, now: datetime) -> dict[str, Any]:
    seen = catalog.visible_entitlements(actor, now).filter(pk__in=one.entitlements)
    keys = sorted(f"{system}/{key}" for system, key in seen.values_list("system__key", "key"))
    name = " ".join(part for part in (one.department, one.title) if part)
    return {
        "name": name,
        "key": slugify(name)[:LONGEST_KEY],
        "entitlements": "\n".join(keys),
        "criteria": one.criteria,
        "review_at": (now + REVIEWED_IN).date(),
        "reason": f"{one}: {one.members:,} identities hold most of it already.",
    }
