"""The end of a purpose, as its people see it: with a lease that runs on it, and a request that is in flight."""

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import Holds, SignIn
from tests.browser.walk import ABSENT, PRESENT, approve, ask, go, look_over, open_grant, wait_for
from tests.harness.portal import Portal

PURPOSE = "Month-end close"


def say_yes(page: Page) -> None:
    """Approve the change that waits."""
    page.get_by_role("link", name=re.compile("^Approvals")).click()
    page.locator(".item", has_text="Retire a purpose").first.click()
    page.get_by_label("Reason").fill("The months are closed elsewhere from now on.")
    page.get_by_label(re.compile("I have read what changes")).check()
    page.get_by_role("button", name=re.compile("^Approve")).click()
    page.wait_for_load_state()


class TestAPurpose:
    def test_is_retired_with_a_lease_on_it_and_a_request_in_flight(
        self, demonstration: Portal, sign_in: SignIn, holds: Holds
    ) -> None:
        jonas, lena, tomas, amara = (sign_in(name) for name in ("jonas", "lena", "tomas", "amara"))
        ask(jonas, "Read payments", PURPOSE, "2 hours")
        approve(amara, PURPOSE)
        open_grant(jonas, "Read payments")
        wait_for(jonas, PRESENT)
        ask(lena, "Report on payments", PURPOSE, "2 hours")
        approve(tomas, PURPOSE)
        go(tomas, "Catalog", "Purposes")
        tomas.get_by_role("link", name=PURPOSE).click()
        where = tomas.url
        tomas.get_by_role("link", name="Retire").click()
        expect(tomas.locator(".facts div", has_text="Alone on it")).to_contain_text("1")
        expect(tomas.locator(".facts div", has_text="In review")).to_contain_text("1")
        look_over(tomas)
        tomas.get_by_label("Why").fill("The months are closed in another system now.")
        tomas.get_by_role("button", name="Propose to retire it").click()
        say_yes(amara)
        assert holds("jonas", "payments_read")
        say_yes(sign_in("naomi"))
        lena.reload()
        expect(lena.get_by_text(re.compile(f"{PURPOSE} is retired")).first).to_be_visible()
        wait_for(jonas, ABSENT)
        assert not holds("jonas", "payments_read")
        amara.goto(where)
        demonstration.sweep("lifecycle.retire_due")
        wait_for(amara, "Retired")
