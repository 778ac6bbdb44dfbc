"""Identities: one's own, those one owns, one's reports; all for those who oversee."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers

from governance.api import bases
from governance.api.fields import Shape
from governance.api.operations import Operation
from governance.api.shapes import Named
from governance.core.paging import Keyset
from governance.evidence import tables
from governance.identities import permissions
from governance.identities.filters import IdentityFilter
from governance.identities.models import Identity
from governance.identities.queries import owners
from governance.identities.states import Environment, Kind, OwnerRole, Status
from governance.users.states import Scope

TAG = "Identities"


class IdentityShape(Shape):
    """Anything that can hold access, and who answers for it."""

    id = serializers.UUIDField()
    kind = serializers.ChoiceField(Kind.choices)
    name = serializers.CharField()
    state = serializers.ChoiceField(Status.choices)
    source = serializers.CharField()  # type: ignore[assignment]  # the metaclass takes it out of the class
    external_key = serializers.CharField()
    email = serializers.CharField()
    title = serializers.CharField()
    department = serializers.CharField()
    manager = Named(allow_null=True)
    environment = serializers.ChoiceField([*Environment.choices, ("", "")])
    canonical_identifier = serializers.CharField()
    ends_at = serializers.DateTimeField(allow_null=True)
    owners = Named(many=True)
    backup_owners = Named(many=True)


def _with_owners(found: Sequence[Identity], now: Any) -> Sequence[Identity]:
    """The rows, each with its active owners; two queries."""
    by_subject: Mapping[Any, Any] = owners([(Identity.NOUN, row.pk) for row in found], now)
    for row in found:
        roles = by_subject[Identity.NOUN, row.pk]
        row.owners = roles.get(OwnerRole.OWNER, [])  # type: ignore[attr-defined]  # for the answer alone
        row.backup_owners = roles.get(OwnerRole.BACKUP_OWNER, [])  # type: ignore[attr-defined]
    return found


class _Identities:
    """What all of them have in common."""

    tag = TAG
    keyset = Keyset(("id",))
    filters = IdentityFilter
    actor: Any
    now: Any

    def visible(self) -> "QuerySet[Identity]":
        """From the permissions of identities."""
        return permissions.visible(self.actor, self.now).select_related("manager")


class IdentityList(_Identities, bases.ListEndpoint):
    """Identities that the caller is, owns, manages or oversees."""

    operations = {"GET": Operation("identity_list", "List identities", Scope.READ, IdentityShape, listed=True)}

    def rows(self, found: Sequence[Identity]) -> Sequence[Identity]:
        """With their owners."""
        return _with_owners(found, self.now)


class IdentityExport(_Identities, bases.ExportEndpoint):
    """The same list as a file."""

    operations = {"GET": Operation("identity_export", "Export identities", Scope.EXPORT, None)}
    table = tables.IDENTITIES


class IdentityDetail(_Identities, bases.OneEndpoint):
    """One identity."""

    operations = {"GET": Operation("identity_read", "Read an identity", Scope.READ, IdentityShape, conditional=True)}

    def whole(self, found: Identity) -> Identity:
        """With its owners."""
        return _with_owners([found], self.now)[0]
