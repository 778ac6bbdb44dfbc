"""Grants: the list, one with its chain of custody, and its early end."""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar
from uuid import UUID

from django.contrib import messages
from django.db.models import QuerySet
from django.forms import Form
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone

from governance.core.errors import Denied
from governance.evidence import tables
from governance.evidence.actions import Asked, export_chains
from governance.evidence.queries import chain_of_grant
from governance.grants import actions, permissions
from governance.grants.filters import GrantFilter
from governance.grants.models import Grant
from governance.grants.queries import renewal_of
from governance.requests import permissions as requests
from governance.requests.actions import renew
from governance.web import bases, chains, exports
from governance.web.grants import forms, present
from governance.web.paging import Keyset
from governance.web.shapes import Act


class GrantList(bases.ListPage):
    """Grants that the actor holds, owns, answers for or oversees."""

    template_name = "grants/list.html"
    title, things = "Grants", "grants"
    filters = GrantFilter
    table = tables.GRANTS
    keyset = Keyset(("number",))
    empty = "No grant is yours to see. What you request and is approved appears here, with its end."

    def visible(self) -> "QuerySet[Grant]":
        """From the permissions of grants."""
        return permissions.listed(self.actor, self.now).with_names()

    def rows(self, found: Sequence[Grant]) -> list[present.Row]:
        """As lines."""
        return [present.row(grant, self.now) for grant in found]

    def context(self) -> dict[str, Any]:
        """What the list is of."""
        if self.actor.has(*permissions.SEES_ALL):
            lede = "Every lease there is or was, and whether its end is verified."
        else:
            lede = "Leases that you hold or answer for, and whether their end is verified."
        return {"lede": lede, "chains": exports.links(self.request, reverse("grant-chains"))}


class GrantChains(bases.Page):
    """The chains of custody of all grants that the filters leave, as one file."""

    http_method_names = ("get",)

    def get(self, request: HttpRequest) -> HttpResponseBase:
        """The file. A filter that can't be read leads back to the list, which says so."""
        visible = permissions.listed(self.actor, self.now).with_names()
        filters = GrantFilter(request.GET, queryset=visible)
        form = exports.form_of(request)
        if form is None or not filters.form.is_valid():
            return redirect(f"{reverse('grant-list')}?{request.GET.urlencode()}")
        asked = Asked(form, exports.chosen(request, filters), self.actor, timezone.now)
        return exports.sent(tables.CHAINS, export_chains(filters.qs, asked), form)


class GrantChain(bases.Page):
    """The chain of custody of one grant as a file."""

    http_method_names = ("get",)

    def get(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        """The file. Raises NotFound."""
        visible = permissions.visible(self.actor, self.now).with_names()
        grant = bases.found(visible, pk)
        form = exports.form_of(request)
        if form is None:
            return redirect("grant-detail", pk=grant.pk)
        asked = Asked(form, {"grant": str(grant)}, self.actor, timezone.now)
        return exports.sent(tables.CHAINS, export_chains(visible.filter(pk=grant.pk), asked), form)


class GrantPage(bases.DetailPage):
    """One grant with its chain of custody."""

    template_name = "grants/detail.html"

    def visible(self) -> "QuerySet[Grant]":
        """From the permissions of grants."""
        return permissions.visible(self.actor, self.now).with_names().select_related("assignment__account")

    def context(self, found: Grant) -> dict[str, Any]:
        """The lease, its chain, whether that can be trusted, and what comes next."""
        chain, renewal = chain_of_grant(found), renewal_of(found)
        return {
            "grant": present.detail(found, chain, self.now),
            "banner": present.banner(found, self.now),
            "chain": chains.links(chain, self.actor, self.now),
            "records": len(chain.entries),
            "trust": chains.trust(chain),
            "next_points": present.next_points(found, renewal, self.now),
            "endings": list(self._endings(found, renewal)),
            "exports": exports.links(self.request, reverse("grant-chain", args=[found.pk])),
        }

    def _endings(self, grant: Grant, renewal: Grant | None) -> Iterator[Act]:
        for verb, form_class in forms.BY_VERB.items():
            if permissions.can(self.actor, verb, grant, self.now):
                yield present.ending(grant, renewal, verb, form_class(auto_id=f"{verb}_%s"))
        if not requests.renewal_refusals(self.actor, [grant], self.now):
            yield present.renewal(grant, forms.RenewForm(auto_id="renew_%s"))


class EndPage(bases.FormPage):
    """Ending a grant early, on a page of its own where there is no script to open a dialog."""

    template_name = "grants/end.html"
    verb: ClassVar[str]
    done: ClassVar[str]

    @abstractmethod
    def end(self, **asked: Any) -> Grant:
        """Call the action that ends it."""

    def act(self, form: Form) -> HttpResponse:
        """End it and go back to it."""
        asked = {**form.cleaned_data, "reason": form.cleaned_data["reason"].strip()}
        grant = self.end(grant_id=self.kwargs["pk"], actor=self.actor, now=self.now, **asked)
        messages.success(self.request, self.done.format(grant))
        return redirect("grant-detail", pk=grant.pk)

    def show(self, form: Any, *, status: int = 200) -> HttpResponse:
        """The form, for those who may send it."""
        visible = permissions.visible(self.actor, self.now).with_names()
        grant = bases.found(visible, self.kwargs["pk"])
        if refusal := permissions.refusal(self.actor, self.verb, grant, self.now):
            raise Denied(refusal)
        ending = present.ending(grant, renewal_of(grant), self.verb, form)
        return self.draw({"ending": ending, "ref": str(grant)}, status=status)


class HandBack(EndPage):
    """Giving one's own access back."""

    form_class = forms.HandBackForm
    verb = "hand_back"
    done = "{} is handed back. Its removal is verified next."

    def end(self, **asked: Any) -> Grant:
        """End it as its holder."""
        return actions.hand_back(**asked)


class Narrow(EndPage):
    """Having one's own access end earlier."""

    form_class = forms.NarrowForm
    verb = "narrow"
    done = "{} ends earlier now."

    def end(self, **asked: Any) -> Grant:
        """Move the end as its holder."""
        return actions.narrow(**asked)


class Renew(bases.FormPage):
    """Asking that access go on after its end."""

    template_name = "grants/end.html"
    form_class = forms.RenewForm

    def act(self, form: forms.RenewForm) -> HttpResponse:
        """File the request and go to it."""
        filed = renew(grant_id=self.kwargs["pk"], renewal=form.renewal(), actor=self.actor, now=self.now)
        messages.success(self.request, f"{filed} asks that it goes on. Until its end it stands as it is.")
        return redirect("request-detail", pk=filed.pk)

    def show(self, form: Any, *, status: int = 200) -> HttpResponse:
        """The form, for those who may send it."""
        grant = bases.found(permissions.visible(self.actor, self.now).with_names(), self.kwargs["pk"])
        requests.require_renewable(self.actor, grant, self.now)
        return self.draw({"ending": present.renewal(grant, form), "ref": str(grant)}, status=status)


class Revoke(EndPage):
    """Ending somebody's access."""

    form_class = forms.RevokeForm
    verb = "revoke"
    done = "{} is revoked. Its removal is verified next."

    def end(self, **asked: Any) -> Grant:
        """End it as an owner, manager or security."""
        return actions.revoke(**asked)
