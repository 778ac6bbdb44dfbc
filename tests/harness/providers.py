"""An OpenID provider on loopback, for tests of single sign-on."""

import json
import os
import re
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import urljoin

import requests
from time_machine import escape_hatch

from config import addresses, network
from config.embedded.children import Program
from config.env import Environment
from config.paths import ROOT
from tests.harness import servers

PASSWORD = "correct horse battery staple"
READY_SECONDS = 40


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody at the provider: `key` is what it claims as `preferred_username`."""

    name: str
    key: str
    email: str
    groups: Sequence[str] = field(default=())


@dataclass(frozen=True, slots=True)
class Provider:
    """A running provider."""

    url: str

    def env(self) -> dict[str, str]:
        """The variables that make it a portal's provider."""
        return {
            "OIDC_SERVER_URL": self.url,
            "OIDC_NAME": "the house's sign-in",
            "OIDC_CLIENT_ID": "portal",
            "OIDC_CLIENT_SECRET": "s3cret",
            "OIDC_SCOPES": "openid,profile,email,groups",
            "OIDC_SOURCES": "hr,demonstration",
            "OIDC_EXTERNAL_KEY_CLAIM": "preferred_username",
        }

    def apps(self) -> list[dict[str, Any]]:
        """As the portal's settings have it from these variables."""
        return addresses.provider(Environment({**os.environ, **self.env()}))

    def answer(self, question: str, name: str, browser: requests.Session | None = None) -> str:
        """Sign in as somebody where the portal has sent the browser; returns the address it is sent back to."""
        _wait_for_another_second()
        browser = browser or requests.Session()
        page = browser.get(question, allow_redirects=False)
        for _ in range(12):
            if page.is_redirect:
                address = urljoin(page.url, page.headers["Location"])
                if not address.startswith(self.url):
                    return address
                page = browser.get(address, allow_redirects=False)
            else:
                page = browser.post(page.url, _filled(page.text, name), allow_redirects=False)
        raise AssertionError(f"no answer: {page.status_code} at {page.url}\n{page.text[:2000]}")


def _wait_for_another_second() -> None:
    """This provider's access tokens differ by the second alone, of its own clock, and it refuses the same one twice."""
    clock = escape_hatch.time.time if escape_hatch.is_travelling() else time.time
    second = int(clock())
    while int(clock()) == second:
        time.sleep(0.01)


def _filled(page: str, name: str) -> dict[str, str]:
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    assert token, page[:2000]
    asked = {"login": name, "password": PASSWORD}
    return {"csrf_token": token[1], **{field: text for field, text in asked.items() if f'name="{field}"' in page}}


@contextmanager
def running(people: Sequence[Person], redirects: Sequence[str]) -> Iterator[Provider]:
    """Run a provider with the people, and a client that may be answered at the redirects, until the block ends."""
    with servers.own_supervisor() as supervisor:
        provider = Provider(f"http://localhost:{network.free_port('127.0.0.1')}")
        told = {
            "url": provider.url,
            "redirects": list(redirects),
            "people": [asdict(person) for person in people],
            "password": PASSWORD,
            "database": str(supervisor.place.data / "provider.sqlite"),
        }
        program = Program("provider", [sys.executable, "-m", "tests.harness.provider", json.dumps(told)])
        env = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
        child = supervisor.start(program, directory=ROOT, env=env)
        there = f"{provider.url}/.well-known/openid-configuration"
        child.wait_until(lambda: network.answers(there), seconds=READY_SECONDS)
        yield provider
