"""Visitors, and the company they visit. Models are imported late: this file may be read before Django is set up."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

import pytest
from django.test import Client

if TYPE_CHECKING:
    from governance.identities.models import Identity
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
        client.force_login(identity.user, backend=BACKEND)
        return client

    return signed_in
