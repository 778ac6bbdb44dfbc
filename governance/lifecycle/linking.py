"""An identity's first sign-in at an OpenID provider: linked once, and never made out of nothing."""

from datetime import datetime
from uuid import UUID

from allauth.socialaccount.models import SocialAccount

from governance.access.models import Account
from governance.catalog.models import System
from governance.core.actor import Actor
from governance.core.errors import Conflict, NotFound
from governance.core.locking import locked, unit_of_work
from governance.core.moves import amend
from governance.grants.queries import PORTAL_SYSTEM
from governance.identities.models import Identity
from governance.lifecycle.founding import portal_account
from governance.lifecycle.sign_in import put_on_record
from governance.users.models import User

LINKING = Actor.system("single sign-on")
WHY = "First sign-in at the provider"


@unit_of_work()
def link(*, identity_id: UUID, provider: str, subject: str, email: str, now: datetime) -> User:
    """Link an active identity's sign-in account to somebody at a provider, once and for all; made if there is none.

    `subject` names them at the provider for good, `email` is their verified address. Raises NotFound when the identity
    is not active any more, Conflict when the account is linked to somebody else there, or its address is taken.
    """
    identity = locked(Identity.objects.select_related("user"), identity_id)
    if not identity.acts(now):
        raise NotFound
    user = identity.user or _opened(identity, email, now)
    if SocialAccount.objects.filter(user=user, provider=provider).exists():
        raise Conflict("This account is linked to somebody else at the provider.")
    SocialAccount.objects.create(user=user, provider=provider, uid=subject)
    facts = {"provider": provider, "subject": subject}
    put_on_record(user, "linked", actor=LINKING, why=WHY, now=now, facts=facts)
    return user


def _opened(identity: Identity, email: str, now: datetime) -> User:
    """A sign-in account without a password for an identity that has none, and its account on the portal itself."""
    address = identity.email or email
    if not address or User.objects.filter(email__iexact=address).exists():
        raise Conflict("The address belongs to another sign-in account.")
    user = User.objects.create_user(address, address, None, name=identity.name)
    amend(identity, "sign_in_opened", actor=LINKING, why=WHY, now=now, user=user)
    portal = System.objects.filter(key=PORTAL_SYSTEM).first()
    if portal is not None and not Account.objects.filter(system=portal, identity=identity).exists():
        portal_account(identity, portal, now)
    return user
