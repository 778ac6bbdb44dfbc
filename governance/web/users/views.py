"""API tokens: the list with the form that makes one, its secret shown once, and revoking."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.db.models import QuerySet
from django.forms import Form
from django.http import HttpResponse
from django.shortcuts import redirect

from governance.core.errors import Denied, Invalid
from governance.identities import actions, permissions
from governance.users.models import ApiToken
from governance.web import bases
from governance.web.paging import Keyset
from governance.web.users import present
from governance.web.users.forms import TokenForm


class TokensPage(bases.FormPage):
    """The tokens of the actor and of what they own, and the form for another."""

    template_name = "users/tokens.html"
    form_class = TokenForm
    keyset = Keyset(("created_at", "id"))

    def form(self, data: Any = None) -> TokenForm:
        """The form with whom this actor may make tokens for."""
        return TokenForm(data, actor=self.actor, now=self.now)

    def visible(self) -> "QuerySet[ApiToken]":
        """From the permissions of identities."""
        return permissions.visible_tokens(self.actor, self.now).select_related("user", "use")

    def act(self, form: TokenForm) -> HttpResponse:
        """Make it, and show its secret on the answer itself: no other page ever can."""
        given = form.cleaned_data
        try:
            token, secret = actions.make_token(
                holder_id=given["holder"].pk,
                name=given["name"],
                scopes=given["scopes"],
                ends_at=form.ends_at(self.now),
                longest=settings.API_TOKEN_LONGEST,
                actor=self.actor,
                now=self.now,
            )
        except Invalid as refusal:
            raise refusal.renamed({"ends_at": "days"}) from refusal
        return self.draw(self._context(self.form(), made=token, secret=secret), status=201)

    def show(self, form: TokenForm, *, status: int = 200) -> HttpResponse:
        """The list and the form."""
        return self.draw(self._context(form), status=status)

    def _context(self, form: TokenForm, made: ApiToken | None = None, secret: str = "") -> dict[str, Any]:
        part = self.keyset.slice(self.visible(), self.request.GET)
        return {
            "form": form,
            "rows": self._rows(part.rows),
            "page": part.page,
            "made": str(made) if made else "",
            "secret": secret,
            "lede": present.lede(self.actor, oversees=self.actor.has(*permissions.SEES_ALL)),
        }

    def _rows(self, found: Sequence[ApiToken]) -> list[present.Row]:
        theirs = permissions.revocable(self.actor, found, self.now)
        return present.rows(found, theirs, self.now)


class RevokeToken(bases.FormPage):
    """Ending a token at once."""

    template_name = "users/revoke.html"
    form_class = Form

    def act(self, _form: Form) -> HttpResponse:
        """Revoke it and go back to the list."""
        token = actions.revoke_token(token_id=self.kwargs["pk"], actor=self.actor, now=self.now)
        messages.success(self.request, f"{token} is revoked.")
        return redirect("token-list")

    def show(self, form: Form, *, status: int = 200) -> HttpResponse:
        """The form, for those who may send it."""
        token = bases.found(permissions.visible_tokens(self.actor, self.now), self.kwargs["pk"])
        if not permissions.revocable(self.actor, [token], self.now):
            raise Denied("Only its holder, the owner of the machine identity, security or an administrator revokes it.")
        return self.draw({"ending": present.revocation(token, form)}, status=status)
