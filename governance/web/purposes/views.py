"""Purposes: the list, one of them with what rests on it, and proposing, editing and retiring one."""

from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from django.urls import reverse

from governance.evidence import tables
from governance.purposes import moves, permissions
from governance.purposes.filters import PurposeFilter
from governance.purposes.models import Purpose
from governance.web import bases, managed
from governance.web.changes.propose import ChangePage, ProposePage, RetirePage, Words
from governance.web.paging import Keyset
from governance.web.purposes import forms, present


class PurposeList(bases.ListPage):
    """Purposes that access can be asked for, and those that the actor owns; all for those who oversee."""

    template_name = "purposes/list.html"
    title, things, order = "Purposes", "purposes", "by reference"
    lede = "Why anybody may hold access. Every lease rests on one of these, and ends with it."
    filters = PurposeFilter
    table = tables.PURPOSES
    keyset = Keyset(("reference",), descending=False)
    empty = "There is no purpose yet. Propose the first one."

    def visible(self) -> "QuerySet[Purpose]":
        """From the permissions of purposes."""
        return permissions.visible(self.actor, self.now)

    def rows(self, found: Sequence[Purpose]) -> list[present.Row]:
        """As lines."""
        return present.rows(found, self.now)


class PurposePage(bases.DetailPage):
    """One purpose: what it may justify, and what rests on it."""

    template_name = "purposes/detail.html"

    def visible(self) -> "QuerySet[Purpose]":
        """From the permissions of purposes."""
        return permissions.visible(self.actor, self.now)

    def context(self, found: Purpose) -> dict[str, Any]:
        """All that the page shows."""
        return {
            "purpose": present.detail(found, self.actor, self.now),
            "managed": managed.told(found.NOUN, found.pk),
            "rests": present.rests(found, self.actor, self.now),
        }


class PurposeNew(ProposePage):
    """Proposing a purpose."""

    kind = "purpose.new"
    form_class = forms.NewPurposeForm

    def show(self, form: Any, *, status: int = 200) -> HttpResponse:
        """The empty form."""
        context = {
            "form": form,
            "title": "Propose a purpose",
            "lede": "Its owner and the governance team decide. Then access can be asked for with it.",
            "verb": "Propose it",
            "back": reverse("purpose-list"),
            "over": "Purposes",
        }
        return self.draw(context, status=status)


class PurposeEdit(ChangePage):
    """Proposing other words, times or scope."""

    kind, detail = "purpose.edit", "purpose-detail"
    form_class = forms.PurposeForm

    def form(self, data: Any = None) -> forms.PurposeForm:
        """The form, as the purpose is."""
        return forms.PurposeForm(data, initial=forms.initial(moves.values(self.subject())))

    def words(self, subject: Purpose, /) -> Words:
        """What its page says."""
        lede = "Its owner decides, and the governance team where it would last longer or justify what is risky."
        return Words(f"Change {subject}", lede, "Propose the change")


class PurposeRetire(RetirePage):
    """Proposing the end of a purpose, with what would end with it before one's eyes."""

    kind, detail = "purpose.retire", "purpose-detail"
    template_name = "purposes/retire.html"

    def show(self, form: Any, *, status: int = 200) -> HttpResponse:
        """What rests on it, and the form."""
        purpose = self.subject()
        context = {
            "form": form,
            "purpose": present.detail(purpose, self.actor, self.now),
            "rests": present.rests(purpose, self.actor, self.now),
        }
        return self.draw(context, status=status)
