"""The demonstration's people at their browsers, before a portal with real workers and a real target."""

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from django.core.management import call_command
from playwright.sync_api import Browser, Page

from tests.harness.portal import Portal
from tests.harness.scim import Application

SOON = 20_000
"""Milliseconds within which workers must have done what they were woken for."""

SignIn = Callable[[str], Page]
Holds = Callable[[str, str], bool]


@pytest.fixture
def demonstration(portal: Portal, settings: Any, target_postgres: str, monkeypatch: pytest.MonkeyPatch) -> Portal:
    """The portal with its organisation of invented people."""
    settings.DEMO_MODE = True
    monkeypatch.setenv("DEMO_TARGET_DSN", target_postgres)
    monkeypatch.setenv("DEMO_TARGET_SCIM_URL", portal.scim_url)
    monkeypatch.setenv("DEMO_TARGET_SCIM_TOKEN", portal.scim_token)
    call_command("seed_demo")
    return portal


@pytest.fixture
def sign_in(demonstration: Portal, browser: Browser) -> Iterator[SignIn]:
    """Somebody's own browser, signed in with one click."""
    contexts = []

    def signed_in(username: str) -> Page:
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(SOON)
        page.goto(demonstration.url)
        page.locator(f"button[name=persona][value={username}]").click()
        return page

    yield signed_in
    for context in contexts:
        context.close()


@pytest.fixture
def is_in(demonstration: Portal) -> Holds:
    """Whether a user is in a group of the SCIM application, as it answers now."""
    application = Application(demonstration.scim_url, demonstration.scim_token)

    def looked_up(user: str, group: str) -> bool:
        users = {one["userName"]: one["id"] for one in application.ask("GET", "/Users?count=500")["Resources"]}
        groups = {one["displayName"]: one["id"] for one in application.ask("GET", "/Groups?count=500")["Resources"]}
        return users[user] in application.members(groups[group])

    return looked_up


@pytest.fixture
def holds(demonstration: Portal, target_postgres: str) -> Holds:
    """Whether a login of the target is a direct member of a role, as the server's catalog says now."""

    def looked_up(login: str, role: str) -> bool:
        with psycopg.connect(target_postgres) as server:
            found = server.execute(
                "SELECT 1 FROM pg_auth_members held JOIN pg_roles role ON role.oid = held.roleid "
                "JOIN pg_roles login ON login.oid = held.member WHERE login.rolname = %s AND role.rolname = %s",
                (login, role),
            )
            return found.fetchone() is not None

    return looked_up
