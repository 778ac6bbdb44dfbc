"""Bundles: the list, one of them with what it holds, and proposing, editing and retiring one."""

from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from django.urls import reverse

from governance.catalog import bundles, permissions
from governance.catalog.filters import BundleFilter
from governance.catalog.models import Bundle
from governance.evidence import tables
from governance.web import bases, managed
from governance.web.bundles import forms, present
from governance.web.bundles.suggested import suggested
from governance.web.changes.propose import ChangePage, ProposePage, RetirePage, Words
from governance.web.paging import Keyset


class BundleList(bases.ListPage):
    """Bundles that stand, and those that the actor owns; all for those who oversee."""

    template_name = "bundles/list.html"
    title, things, order = "Bundles", "bundles", "by key"
    lede = "Sets of entitlements for a job, agreed on beforehand. Being in this list gives nobody anything."
    filters = BundleFilter
    table = tables.BUNDLES
    keyset = Keyset(("key",), descending=False)
    empty = "There is no bundle yet. Propose the first one."

    def visible(self) -> "QuerySet[Bundle]":
        """From the permissions of the catalog."""
        return permissions.visible_bundles(self.actor, self.now).prefetch_related("versions")

    def rows(self, found: Sequence[Bundle]) -> list[present.Row]:
        """As lines."""
        return present.rows(found, self.now)


class BundlePage(bases.DetailPage):
    """One bundle: what it holds, and who matches."""

    template_name = "bundles/detail.html"

    def visible(self) -> "QuerySet[Bundle]":
        """From the permissions of the catalog."""
        return permissions.visible_bundles(self.actor, self.now)

    def context(self, found: Bundle) -> dict[str, Any]:
        """All that the page shows."""
        return {"bundle": present.detail(found, self.actor, self.now), "managed": managed.told(found.NOUN, found.pk)}


class BundleNew(ProposePage):
    """Proposing a bundle."""

    kind = "bundle.new"
    form_class = forms.NewBundleForm

    def form(self, data: Any = None) -> forms.NewBundleForm:
        """The empty form, or what a suggestion that the address names says already. Raises NotFound."""
        named = self.request.GET.get("suggestion")
        return forms.NewBundleForm(data, initial=suggested(named, self.actor, self.now) if named else None)

    def show(self, form: Any, *, status: int = 200) -> HttpResponse:
        """The empty form."""
        context = {
            "form": form,
            "title": "Propose a bundle",
            "lede": "Its owner decides, and the governance team as well where it holds what is risky.",
            "verb": "Propose it",
            "back": reverse("bundle-list"),
            "over": "Bundles",
        }
        return self.draw(context, status=status)


class BundleEdit(ChangePage):
    """Proposing the next version."""

    kind, detail = "bundle.edit", "bundle-detail"
    form_class = forms.BundleForm

    def form(self, data: Any = None) -> forms.BundleForm:
        """The form, as the bundle is."""
        return forms.BundleForm(data, initial=forms.initial(bundles.values(self.subject())))

    def words(self, subject: Bundle, /) -> Words:
        """What its page says."""
        lede = "Its owner decides, and the governance team as well where it holds or would hold what is risky."
        return Words(f"Change {subject}", lede, "Propose the change")


class BundleRetire(RetirePage):
    """Proposing the end of a bundle."""

    kind, detail = "bundle.retire", "bundle-detail"
    lede = "Bundles that include it hold its entitlements no more. Leases that run are not touched."
