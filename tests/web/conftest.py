"""Visitors, and the company they visit. Models are imported late: this file may be read before Django is set up."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

import pytest
from django.test import Client

if TYPE_CHECKING:
    from governance.identities.models import Identity
    from governance.users.models import User
    from tests.builders import Organisation

Visit: TypeAlias = "Callable[[Identity], Client]"

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


@pytest.fixture
def org(db: None) -> Organisation:
    """A small company in which everything that one lease needs stands."""
    from tests.builders import Organisation  # noqa: PLC0415 - see above

    return Organisation()


@pytest.fixture
def visit() -> Visit:
    """Somebody's browser, signed in."""

    def signed_in(identity: Identity) -> Client:
        client = Client()
        assert identity.user is not None
        enter(client, identity.user)
        return client

    return signed_in


def enter(client: Client, user: User, *ways: tuple[str, str], ago: float = 0) -> None:
    """Sign the user in, by a password and an authenticator app unless other ways are given, so many seconds ago."""
    client.force_login(user, backend=BACKEND)
    session = client.session
    session["signed_in_at"] = time.time()
    session["account_authentication_methods_user"] = str(user.pk)
    session["account_authentication_methods"] = [
        {"method": method, "type": kind, "at": time.time() - ago}
        for method, kind in ways or (("password", ""), ("mfa", "totp"))
    ]
    session.save()


@pytest.fixture
def writer(db: None) -> Identity:
    """Who writes rules of policy."""
    from governance.core.actor import Role  # noqa: PLC0415 - see above
    from tests import builders  # noqa: PLC0415 - see above

    person = builders.person("Naomi")
    builders.portal_role(person, Role.ADMINISTRATOR)
    return person


@pytest.fixture
def admin(visit: Visit, writer: Identity) -> Client:
    """Their browser."""
    return visit(writer)
