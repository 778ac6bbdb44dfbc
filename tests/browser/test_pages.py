"""Every page in every width and scheme: nothing sticks out, the content policy refuses nothing, axe is content."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.walk import SCHEMES, WIDTHS, Scheme, faults
from tests.harness.portal import Portal

SECURITY = (
    "/accounts/security/",
    "/accounts/confirm/",
    "/accounts/security/app/add/",
    "/accounts/security/passkeys/add/",
)
CATALOG = ("/catalog/", "/catalog/systems/", "/bundles/new/", "/purposes/", "/purposes/new/", "/changes/")
PAGES = {
    "lena": ["/", "/requests/", "/requests/new/", "/grants/", "/approvals/", "/tokens/", *CATALOG, *SECURITY],
    "tomas": ["/approvals/"],
    "naomi": ["/tasks/", "/people/", "/people/sources/new", "/policy/", "/policy/new"],
    "oliver": ["/events/", "/grants/", "/requests/"],
}
"""Where each visitor goes. From a list they open its first row as well."""

ROW = re.compile(r"^/(requests|grants|approvals|events|catalog|purposes|changes)/[0-9a-f-]+/$")


def opened(page: Page) -> str | None:
    """The address of the first row of a list."""
    addresses = page.evaluate("() => [...document.querySelectorAll('main a')].map(link => link.getAttribute('href'))")
    return next((address for address in addresses if address and ROW.match(address)), None)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
class TestPages:
    def test_are_whole_and_accessible(
        self, demonstration: Portal, browser: Browser, width: int, scheme: Scheme
    ) -> None:
        wrong: dict[str, list[str]] = {}
        for visitor, addresses in PAGES.items():
            context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
            page = context.new_page()
            page.goto(demonstration.url)
            wrong["sign-in"] = faults(page)
            page.locator(f"button[name=persona][value={visitor}]").click()
            for address in addresses:
                self._visit(page, demonstration.url, address, wrong)
            context.close()
        assert not {address: found for address, found in wrong.items() if found}

    def _visit(self, page: Page, base: str, address: str, wrong: dict[str, list[str]]) -> None:
        refused: list[str] = []
        page.on("console", lambda message: refused.append(message.text) if message.type == "error" else None)
        page.goto(base + address)
        row = opened(page)
        wrong[address] = [*refused, *faults(page)]
        if row:
            page.goto(base + row)
            wrong[row] = faults(page)
