"""The catalog: entitlements and systems, and proposing another shape of an entitlement."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpResponse
from django.urls import reverse

from governance.catalog import moves, permissions
from governance.catalog.filters import EntitlementFilter, SystemFilter
from governance.catalog.models import Entitlement, System
from governance.changes import actions
from governance.evidence import tables
from governance.web import bases, managed
from governance.web.catalog import present
from governance.web.catalog.forms import EntitlementForm
from governance.web.changes.propose import ProposePage
from governance.web.paging import Keyset


class EntitlementList(bases.ListPage):
    """What can be asked for, and what the actor owns; all for those who oversee."""

    template_name = "catalog/list.html"
    title, things, order = "Catalog", "entitlements", "by name"
    lede = "Everything that can be leased: what it permits, how risky it is, for how long and to whom."
    filters = EntitlementFilter
    table = tables.ENTITLEMENTS
    keyset = Keyset(("name", "id"), descending=False)
    empty = "The catalog has no entitlement yet."

    def visible(self) -> "QuerySet[Entitlement]":
        """From the permissions of the catalog."""
        return permissions.visible_entitlements(self.actor, self.now).select_related("system")

    def rows(self, found: Sequence[Entitlement]) -> list[present.Row]:
        """As lines."""
        return present.rows(found, self.now)


class EntitlementPage(bases.DetailPage):
    """One entitlement: what it permits and under what terms."""

    template_name = "catalog/detail.html"

    def visible(self) -> "QuerySet[Entitlement]":
        """From the permissions of the catalog."""
        return permissions.visible_entitlements(self.actor, self.now).select_related("system")

    def context(self, found: Entitlement) -> dict[str, Any]:
        """All that the page shows."""
        shown = present.detail(found, self.actor, self.now)
        return {"entitlement": shown, "managed": managed.told(found.NOUN, found.pk)}


class EntitlementEdit(ProposePage):
    """Proposing another shape."""

    kind = "entitlement.edit"
    form_class = EntitlementForm

    def entitlement(self) -> Any:
        """The entitlement, if the actor sees it and it is active. Raises NotFound, Conflict."""
        pk: UUID = self.kwargs["pk"]
        return actions.proposable(kind=self.kind, subject_id=pk, actor=self.actor, now=self.now)

    def form(self, data: Any = None) -> EntitlementForm:
        """The form, as the catalog has it."""
        return EntitlementForm(data, initial=moves.entitlement_values(self.entitlement()))

    def show(self, form: Any, *, status: int = 200) -> HttpResponse:
        """The form."""
        found = self.entitlement()
        context = {
            "form": form,
            "title": f"Change {found}",
            "lede": "Its owner decides, and the system's owner as well where it is risky or privileged. "
            "Leases that run are not touched.",
            "verb": "Propose the change",
            "back": reverse("entitlement-detail", args=[found.pk]),
            "over": str(found),
        }
        return self.draw(context, status=status)


class SystemList(bases.ListPage):
    """Systems in which access exists."""

    template_name = "catalog/systems.html"
    title, things, order = "Systems", "systems", "by name"
    lede = "Every application and platform whose access is leased here."
    filters = SystemFilter
    table = tables.SYSTEMS
    keyset = Keyset(("name", "id"), descending=False)
    empty = "There is no system yet."

    def visible(self) -> "QuerySet[System]":
        """From the permissions of the catalog."""
        return permissions.visible_systems(self.actor, self.now)

    def rows(self, found: Sequence[System]) -> list[present.SystemRow]:
        """As lines."""
        return present.system_rows(found, self.now)


class SystemPage(bases.DetailPage):
    """One system."""

    template_name = "catalog/system.html"

    def visible(self) -> "QuerySet[System]":
        """From the permissions of the catalog."""
        return permissions.visible_systems(self.actor, self.now)

    def context(self, found: System) -> dict[str, Any]:
        """All that the page shows."""
        return {"system": present.system_detail(found, self.now), "managed": managed.told(found.NOUN, found.pk)}
