"""API tokens as their page shows them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.forms import Form
from django.urls import reverse

from governance.core.actor import Actor
from governance.identities.models import Identity
from governance.users.models import ApiToken
from governance.users.queries import last_used
from governance.users.states import Scope, TokenState
from governance.web import present
from governance.web.shapes import Act, Who


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the list."""

    name: str
    prefix: str
    holder: Who
    scopes: str
    created_at: datetime
    ends_at: datetime
    used_at: datetime | None
    state: str
    revoke_url: str


def rows(tokens: Sequence[ApiToken], revocable: Collection[UUID], now: datetime) -> list[Row]:
    """Tokens of the list, with the machine identities that they sign in; one query."""
    machines = Identity.objects.in_bulk({token.identity_id for token in tokens if token.identity_id})
    return [_row(token, machines, now, may_revoke=token.pk in revocable) for token in tokens]


def _row(token: ApiToken, machines: Mapping[UUID, Identity], now: datetime, *, may_revoke: bool) -> Row:
    holder = machines[token.identity_id] if token.identity_id else None
    return Row(
        name=token.name,
        prefix=f"lh_{token.prefix}",
        holder=present.who(holder) if holder else Who(str(token.user), "person"),
        scopes=", ".join(Scope(scope).value for scope in Scope if scope in token.scopes),
        created_at=token.created_at,
        ends_at=token.ends_at,
        used_at=last_used(token),
        state=_state(token, now),
        revoke_url=reverse("token-revoke", args=[token.pk]) if may_revoke and token.works(now) else "",
    )


def _state(token: ApiToken, now: datetime) -> str:
    if token.state == TokenState.REVOKED:
        return "Revoked"
    return "Active" if token.works(now) else "Ended"


def revocation(token: ApiToken, form: Form) -> Act:
    """The form that ends a token, and what that does."""
    return Act(
        id="revoke",
        verb="Revoke",
        title=f"Revoke {token.name}",
        text="Whatever uses this token is refused from now on. A revoked token never comes back.",
        url=reverse("token-revoke", args=[token.pk]),
        back=reverse("token-list"),
        form=form,
        tone="danger",
    )


def lede(actor: Actor, *, oversees: bool) -> str:
    """What the list is of."""
    if oversees:
        return "What programs sign in with. No secret is kept, and every token ends."
    return f"What programs sign in with as {actor.label} or as what you own. No secret is kept, and every token ends."
