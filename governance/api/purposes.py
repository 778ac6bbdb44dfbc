"""Purposes: those that can carry a grant now, and any that the caller owns or oversees."""

from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers

from governance.api import bases
from governance.api.fields import Shape
from governance.api.operations import Operation
from governance.core.paging import Keyset
from governance.evidence import tables
from governance.purposes import permissions
from governance.purposes.filters import PurposeFilter
from governance.purposes.models import Purpose
from governance.purposes.states import PurposeState
from governance.users.states import Scope

TAG = "Purposes"


class PurposeShape(Shape):
    """A business reason for access, and how long it holds."""

    id = serializers.UUIDField()
    reference = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField()
    state = serializers.ChoiceField(PurposeState.choices)
    emergency = serializers.BooleanField()
    ends_at = serializers.DateTimeField(allow_null=True)
    review_at = serializers.DateTimeField(allow_null=True)


class _Purposes:
    """What all of them have in common."""

    tag = TAG
    keyset = Keyset(("id",))
    filters = PurposeFilter
    actor: Any
    now: Any

    def visible(self) -> "QuerySet[Purpose]":
        """From the permissions of purposes."""
        return permissions.visible(self.actor, self.now)


class PurposeList(_Purposes, bases.ListEndpoint):
    """Purposes that access can be asked for."""

    operations = {"GET": Operation("purpose_list", "List purposes", Scope.READ, PurposeShape, listed=True)}


class PurposeExport(_Purposes, bases.ExportEndpoint):
    """The same list as a file."""

    operations = {"GET": Operation("purpose_export", "Export purposes", Scope.EXPORT, None)}
    table = tables.PURPOSES


class PurposeDetail(_Purposes, bases.OneEndpoint):
    """One purpose."""

    operations = {"GET": Operation("purpose_read", "Read a purpose", Scope.READ, PurposeShape, conditional=True)}
