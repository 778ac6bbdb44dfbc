"""Programs that call the API, each with a token of its own. Models are imported late: see tests/web/conftest.py."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

if TYPE_CHECKING:
    from governance.identities.models import Identity
    from tests.builders import Organisation

Call: TypeAlias = "Callable[..., Api]"
ALL = ("read", "request", "decide", "work", "end", "inbox", "feed", "policy", "export")
LONGEST = timedelta(days=90)


class Api:
    """A program with a token."""

    def __init__(self, secret: str) -> None:
        self.secret = secret
        self.client = Client(headers={"Authorization": f"Bearer {secret}", "Accept": "application/json"})
        self.client.raise_request_exception = False

    def get(self, path: str, **headers: str) -> Any:
        return self.client.get(f"/api/v1{path}", headers=_headers(headers))

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.client.post(f"/api/v1{path}", body or {}, "application/json", headers=_headers(headers))


def _headers(named: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in named.items()}


def secret_for(holder: Identity, scopes: Collection[str] = ALL) -> str:
    from governance.identities.actions import make_token  # noqa: PLC0415 - see above
    from governance.identities.queries import owners_of  # noqa: PLC0415
    from tests import builders  # noqa: PLC0415

    now = timezone.now()
    maker = owners_of("identity", holder.pk, now)[0] if holder.is_machine else holder
    asked: dict[str, Any] = {"name": "A program", "scopes": scopes, "ends_at": now + timedelta(days=7)}
    return make_token(holder_id=holder.pk, longest=LONGEST, actor=builders.actor(maker), now=now, **asked)[1]


@pytest.fixture(autouse=True)
def _no_limits_yet() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def org(db: None) -> Organisation:
    """A small company in which everything that one lease needs stands."""
    from tests.builders import Organisation  # noqa: PLC0415 - see above

    return Organisation()


@pytest.fixture
def call() -> Call:
    """Somebody's program."""
    return lambda holder, *scopes: Api(secret_for(holder, scopes or ALL))
