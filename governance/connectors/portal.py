"""The portal as a governed system: its own roles, held by grants like any other access (rule 17)."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar, Self

from django.db import Error, connection, transaction

from governance.connectors.interface import (
    Capability,
    Connector,
    Deadlines,
    Observation,
    Observed,
    Refused,
    Unreachable,
)
from governance.connectors.settings import Settings
from governance.core.actor import Role
from governance.users.models import PortalRole, User

METHOD = "portal roles"
SOURCE = "this portal"


class PortalConnector(Connector):
    """The login is a username, the entitlement's key a role of `core.actor.Role`."""

    capabilities: ClassVar = frozenset({Capability.WRITE, Capability.OBSERVE})

    def __init__(self, deadlines: Deadlines) -> None:
        self.deadlines = deadlines

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Self:
        reader = Settings(settings)
        made = cls(reader.deadlines())
        reader.finish()
        return made

    def ensure_present(self, login: str, entitlement: str) -> str:
        if entitlement not in set(Role):
            msg = f"The portal has no role {entitlement}."
            raise Refused(msg)
        with self._transaction():
            user = User.objects.filter(username=login, is_active=True).first()
            if user is None:
                msg = f"The portal has no active user {login}."
                raise Refused(msg)
            _, made = PortalRole.objects.get_or_create(user=user, role=entitlement)
        return "Role added" if made else "Role was there"

    def ensure_absent(self, login: str, entitlement: str) -> str:
        with self._transaction():
            gone, _ = PortalRole.objects.filter(user__username=login, role=entitlement).delete()
        return "Role removed" if gone else "Role was not there"

    def observe(self, login: str, entitlement: str) -> Observed:
        with self._transaction():
            held = sorted(PortalRole.objects.filter(user__username=login).values_list("role", flat=True))
        present = entitlement in held
        return Observed(
            observation=Observation.PRESENT if present else Observation.ABSENT,
            answer=json.dumps({"user": login, "roles": held}, separators=(",", ":")).encode(),
            method=METHOD,
            source=SOURCE,
            detail=f"{login} {'has' if present else 'does not have'} the role {entitlement}",
        )

    def check(self) -> str:
        with self._transaction():
            return f"{PortalRole.objects.count()} roles are held"

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """A short transaction of its own. Its outcome is known when it has committed, and not before."""
        try:
            with transaction.atomic(durable=True), connection.cursor() as cursor:
                cursor.execute("SELECT set_config('statement_timeout', %s, true)", [f"{self.deadlines.read:.3f}s"])
                yield
        except Error as error:
            msg = f"The portal's database did not answer: {error}"
            raise Unreachable(msg.strip()) from error
