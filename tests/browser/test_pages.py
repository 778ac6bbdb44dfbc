"""Every page in every width and scheme: nothing sticks out, the content policy refuses nothing, axe is content."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page

from tests.browser.walk import faults_everywhere
from tests.harness.portal import Portal

SECURITY = (
    "/accounts/security/",
    "/accounts/confirm/",
    "/accounts/security/app/add/",
    "/accounts/security/passkeys/add/",
)
CATALOG = ("/catalog/", "/catalog/systems/", "/bundles/new/", "/purposes/", "/purposes/new/", "/changes/")
DELEGATIONS = ("/approvals/delegations/", "/approvals/delegations/new")
PAGES = {
    "lena": [
        "/",
        "/requests/",
        "/requests/new/",
        "/grants/",
        "/approvals/",
        "/tokens/",
        *DELEGATIONS,
        *CATALOG,
        *SECURITY,
    ],
    "tomas": ["/approvals/", "/approvals/together/"],
    "naomi": [
        "/tasks/",
        "/people/",
        "/people/sources/new",
        "/policy/",
        "/policy/new",
        "/calendars/",
        "/calendars/new/",
    ],
    "oliver": ["/events/", "/grants/", "/requests/"],
}
"""Where each visitor goes. From a list they open its first row as well."""

ROW = re.compile(r"^/(requests|grants|approvals|events|catalog|purposes|changes)/[0-9a-f-]+/$")


def opened(page: Page) -> str | None:
    """The address of the first row of a list."""
    addresses = page.evaluate("() => [...document.querySelectorAll('main a')].map(link => link.getAttribute('href'))")
    return next((address for address in addresses if address and ROW.match(address)), None)


@pytest.mark.parametrize("visitor", PAGES)
class TestPages:
    def test_are_whole_and_accessible(self, demonstration: Portal, page: Page, visitor: str) -> None:
        wrong: list[str] = []
        page.on(
            "console", lambda message: wrong.append(f"{page.url}: {message.text}") if message.type == "error" else None
        )
        page.goto(demonstration.url)
        wrong += faults_everywhere(page)
        page.locator(f"button[name=persona][value={visitor}]").click()
        for address in PAGES[visitor]:
            page.goto(demonstration.url + address)
            row = opened(page)
            wrong += faults_everywhere(page)
            if row:
                page.goto(demonstration.url + row)
                wrong += faults_everywhere(page)
        assert not wrong
