"""The catalog: entitlements and systems, and proposing another shape of them and new entitlements."""

from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet

from governance.catalog import moves, permissions
from governance.catalog.filters import EntitlementFilter, SystemFilter
from governance.catalog.models import Entitlement, System
from governance.catalog.states import Risk
from governance.evidence import tables
from governance.identities.states import Kind
from governance.web import bases, managed
from governance.web.catalog import forms, present
from governance.web.changes.propose import ChangePage, RetirePage, Words
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


class EntitlementEdit(ChangePage):
    """Proposing another shape."""

    kind, detail = "entitlement.edit", "entitlement-detail"
    form_class = forms.EntitlementForm

    def form(self, data: Any = None) -> forms.EntitlementForm:
        """The form, as the catalog has it."""
        return forms.EntitlementForm(data, initial=moves.entitlement_values(self.subject()))

    def words(self, subject: Entitlement, /) -> Words:
        """What its page says."""
        lede = (
            "Its owner decides, and the system's owner as well where it is risky or privileged. "
            "Leases that run are not touched."
        )
        return Words(f"Change {subject}", lede, "Propose the change")


class EntitlementRetire(RetirePage):
    """Proposing its end."""

    kind, detail = "entitlement.retire", "entitlement-detail"
    lede = (
        "Nobody can ask for it any more, once its owner has said yes, and the system's owner as well where it is risky "
        "or privileged. No lease may rest on it by then, and no request ask for it."
    )


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


class SystemEdit(ChangePage):
    """Proposing another shape."""

    kind, detail = "system.edit", "system-detail"
    form_class = forms.SystemForm

    def form(self, data: Any = None) -> forms.SystemForm:
        """The form, as the catalog has it."""
        return forms.SystemForm(data, initial=moves.system_values(self.subject()))

    def words(self, subject: System, /) -> Words:
        """What its page says."""
        lede = "Its owner decides, and the governance team as well where it is of high or critical risk."
        return Words(f"Change {subject}", lede, "Propose the change")


class SystemRetire(RetirePage):
    """Proposing its end."""

    kind, detail = "system.retire", "system-detail"
    lede = (
        "Nothing can be granted in it any more, once its owner has said yes, and the governance team as well where it "
        "is of high or critical risk. Its entitlements are retired before it."
    )


class EntitlementNew(ChangePage):
    """Proposing something more that can be granted in a system."""

    kind, detail = "entitlement.new", "system-detail"
    form_class = forms.NewEntitlementForm

    def form(self, data: Any = None) -> forms.NewEntitlementForm:
        """The empty form."""
        ordinary = {"risk": Risk.MODERATE, "allowed_kinds": [Kind.PERSON], "permits": []}
        return forms.NewEntitlementForm(data, initial=ordinary)

    def words(self, subject: System, /) -> Words:
        """What its page says."""
        lede = (
            "The system's owner decides, and the governance team as well where it is risky or privileged. "
            "It can be asked for once a purpose justifies it."
        )
        return Words(f"Propose an entitlement on {subject}", lede, "Propose it")
