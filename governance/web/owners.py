"""Who answers for things, by name, for pages that list them."""

from collections.abc import Collection, Mapping
from datetime import datetime
from uuid import UUID

from governance.identities.queries import owners
from governance.identities.states import OwnerRole


def named(kind: str, ids: Collection[UUID], now: datetime) -> Mapping[UUID, Mapping[str, str]]:
    """The names of the active owners and backup owners of each thing, by role; two queries."""
    found = owners([(kind, pk) for pk in ids], now)
    return {
        pk: {role: ", ".join(one.name for one in found[kind, pk].get(role, [])) for role in OwnerRole.values}
        for pk in ids
    }
