"""The catalog: entitlements and systems, and proposing another shape of them and new entitlements."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpResponse
from django.urls import reverse

from governance.catalog import moves, permissions
from governance.catalog.filters import EntitlementFilter, SystemFilter
from governance.catalog.models import Entitlement, System
from governance.catalog.states import Risk
from governance.changes import actions
from governance.evidence import tables
from governance.identities.states import Kind
from governance.web import bases, managed
from governance.web.catalog import forms, present
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
    form_class = forms.EntitlementForm

    def entitlement(self) -> Any:
        """The entitlement, if the actor sees it and it is active. Raises NotFound, Conflict."""
        pk: UUID = self.kwargs["pk"]
        return actions.proposable(kind=self.kind, subject_id=pk, actor=self.actor, now=self.now)

    def form(self, data: Any = None) -> forms.EntitlementForm:
        """The form, as the catalog has it."""
        return forms.EntitlementForm(data, initial=moves.entitlement_values(self.entitlement()))

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
        shown = present.system_detail(found, self.actor, self.now)
        return {"system": shown, "managed": managed.told(found.NOUN, found.pk)}


class _OfSystem(ProposePage):
    """A form about one system that is active."""

    def system(self) -> Any:
        """The system, if the actor sees it and it is active. Raises NotFound, Conflict."""
        pk: UUID = self.kwargs["pk"]
        return actions.proposable(kind=self.kind, subject_id=pk, actor=self.actor, now=self.now)

    def drawn(self, form: Any, status: int, **words: str) -> HttpResponse:
        """The page of such a form."""
        system = self.system()
        back = reverse("system-detail", args=[system.pk])
        return self.draw({"form": form, "back": back, "over": str(system), **words}, status=status)


class SystemEdit(_OfSystem):
    """Proposing another shape."""

    kind = "system.edit"
    form_class = forms.SystemForm

    def form(self, data: Any = None) -> forms.SystemForm:
        """The form, as the catalog has it."""
        return forms.SystemForm(data, initial=moves.system_values(self.system()))

    def show(self, form: Any, *, status: int = 200) -> HttpResponse:
        """The form."""
        lede = "Its owner decides, and the governance team as well where it is of high or critical risk."
        return self.drawn(form, status, title=f"Change {self.system()}", lede=lede, verb="Propose the change")


class EntitlementNew(_OfSystem):
    """Proposing something more that can be granted in a system."""

    kind = "entitlement.new"
    form_class = forms.NewEntitlementForm

    def form(self, data: Any = None) -> forms.NewEntitlementForm:
        """The empty form."""
        self.system()
        ordinary = {"risk": Risk.MODERATE, "allowed_kinds": [Kind.PERSON], "permits": []}
        return forms.NewEntitlementForm(data, initial=ordinary)

    def show(self, form: Any, *, status: int = 200) -> HttpResponse:
        """The form."""
        lede = (
            "The system's owner decides, and the governance team as well where it is risky or privileged. "
            "It can be asked for once a purpose justifies it."
        )
        title = f"Propose an entitlement on {self.system()}"
        return self.drawn(form, status, title=title, lede=lede, verb="Propose it")
