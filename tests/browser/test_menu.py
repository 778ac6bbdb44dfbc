"""The menu of those who see everything: in the width of a desk and of a phone, by keyboard, and without script."""

import os
from itertools import product
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.conftest import SignIn
from tests.browser.walk import SCHEMES, WIDTHS, faults, go
from tests.harness.portal import Portal

SHOTS = os.environ.get("MENU_SHOTS")
DESK, PHONE = WIDTHS


def main(page: Page) -> Locator:
    return page.get_by_role("navigation", name="Main")


def group(page: Page, name: str) -> Locator:
    return main(page).locator("summary", has_text=name)


def shot(page: Page, name: str) -> None:
    if SHOTS:
        page.screenshot(path=Path(SHOTS) / f"menu-{name}.png")


@pytest.mark.usefixtures("demonstration")
class TestMenu:
    def test_opens_one_group_at_a_time_and_closes_it_again(self, sign_in: SignIn) -> None:
        naomi = sign_in("naomi")
        rules, purposes = (main(naomi).get_by_role("link", name=name) for name in ("Rules", "Purposes"))
        group(naomi, "Policy").click()
        expect(rules).to_be_visible()
        group(naomi, "Catalog").click()
        expect(purposes).to_be_visible()
        expect(rules).to_be_hidden()
        naomi.get_by_role("contentinfo").click()
        expect(purposes).to_be_hidden()
        naomi.set_viewport_size({"width": PHONE, "height": 800})
        expect(main(naomi)).to_be_hidden()
        naomi.get_by_role("button", name="Menu").click()
        go(naomi, "Policy", "Separation")
        expect(naomi.get_by_role("heading", name="Separation of duties")).to_be_visible()

    def test_goes_by_keyboard(self, sign_in: SignIn) -> None:
        naomi = sign_in("naomi")
        purposes = main(naomi).get_by_role("link", name="Purposes")
        group(naomi, "Catalog").press("Enter")
        for _ in range(4):
            naomi.keyboard.press("Tab")
        expect(purposes).to_be_focused()
        naomi.keyboard.press("Escape")
        expect(purposes).to_be_hidden()
        expect(group(naomi, "Catalog")).to_be_focused()
        naomi.keyboard.press("Enter")
        purposes.focus()
        naomi.keyboard.press("Enter")
        expect(naomi.get_by_role("heading", name="Purposes", level=1)).to_be_visible()
        expect(group(naomi, "Catalog")).to_have_attribute("aria-current", "true")
        group(naomi, "Catalog").press("Enter")
        main(naomi).get_by_role("link", name="Changes").press("Tab")
        expect(group(naomi, "Policy")).to_be_focused()
        expect(purposes).to_be_hidden()

    def test_works_without_script(self, demonstration: Portal, browser: Browser) -> None:
        context = browser.new_context(java_script_enabled=False, viewport={"width": DESK, "height": 900})
        page = context.new_page()
        page.goto(demonstration.url)
        page.locator("button[name=persona][value=naomi]").click()
        go(page, "Catalog", "Systems")
        expect(page.get_by_role("heading", name="Systems", level=1)).to_be_visible()
        page.set_viewport_size({"width": PHONE, "height": 800})
        page.get_by_role("button", name="Menu").click()
        go(page, "Policy", "Findings")
        expect(page.get_by_role("heading", name="Findings", level=1)).to_be_visible()
        context.close()

    def test_is_whole_and_accessible_when_it_is_open(self, sign_in: SignIn) -> None:
        for who in ("naomi", "lena"):
            page = sign_in(who)
            page.goto(page.url + "catalog/systems/")
            for width, scheme in product(WIDTHS, SCHEMES):
                page.set_viewport_size({"width": width, "height": 900})
                page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
                page.reload()
                if width == PHONE:
                    page.get_by_role("button", name="Menu").click()
                group(page, "Catalog").click()
                shot(page, f"{who}-{width}-{scheme}")
                assert faults(page) == [], (who, width, scheme)
