"""A delegation moves what waits to somebody else's inbox, with a worker that carries it out."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import SignIn
from tests.browser.walk import approve, ask, wait_for


def delegate(page: Page, email: str) -> None:
    """Have somebody decide in one's place for a week."""
    page.get_by_role("link", name=re.compile("^Approvals")).click()
    page.get_by_role("link", name="Delegations").click()
    page.get_by_role("link", name="Delegate", exact=True).click()
    page.get_by_label("Who decides in your place").fill(email)
    page.get_by_label("Until").fill(str((datetime.now(UTC) + timedelta(days=7)).date()))
    page.get_by_label("Reason").fill("On holiday.")
    page.get_by_role("button", name="Delegate").click()


@pytest.mark.usefixtures("demonstration")
class TestDelegation:
    def test_moves_what_waits(self, sign_in: SignIn) -> None:
        lena, tomas, naomi = sign_in("lena"), sign_in("tomas"), sign_in("naomi")
        ask(lena, "Report on payments", "Month-end close", "2 hours")
        delegate(tomas, "naomi@demo.example")
        expect(tomas.get_by_text("Naomi Bright decides in your place until")).to_be_visible()
        naomi.get_by_role("link", name=re.compile("^Approvals")).click()
        wait_for(naomi, "Month-end close")
        approve(naomi, "Month-end close")
        lena.reload()
        expect(lena.get_by_text("Naomi Bright for Tomás Rey")).to_be_visible()
