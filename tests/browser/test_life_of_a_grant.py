"""One grant's whole life, as its people see it, on a real server."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Holds, SignIn

PRESENT = "Active, verified present"
ABSENT = "Revoked, verified absent"


def ask(page: Page, what: str, purpose: str, term: str) -> None:
    """Fill the four clauses, read the draft lease, send it."""
    page.get_by_role("link", name="Request access").first.click()
    page.get_by_label(what).check()
    page.get_by_role("radio", name=re.compile(purpose)).check()
    page.get_by_label("Why is this needed now?").fill("The month must be reconciled before it is closed.")
    page.get_by_role("radio", name=re.compile(term)).check()
    expect(page.locator("#draft")).to_contain_text("Who decides")
    page.get_by_role("button", name="Send request").click()
    expect(page.get_by_role("heading", name="Who decides")).to_be_visible()


def approve(page: Page, purpose: str) -> None:
    """Open what waits for the purpose, and say yes to it."""
    page.get_by_role("link", name=re.compile("^Approvals")).click()
    page.locator(".item", has_text=purpose).first.click()
    page.get_by_label("Reason").fill("Needed for the reconciliation.")
    page.get_by_role("button", name=re.compile("^Approve")).click()
    page.wait_for_load_state()


def open_grant(page: Page, what: str) -> None:
    """The newest grant of the signed-in person on what was asked for."""
    page.get_by_role("link", name="Grants", exact=True).click()
    page.locator("tbody tr", has_text=what).first.get_by_role("link").first.click()


def wait_for(page: Page, words: str, seconds: int = 30) -> None:
    """Look again until the page says it: workers take a moment."""
    for _ in range(seconds):
        if page.get_by_text(words).count():
            return
        page.wait_for_timeout(1000)
        page.reload()
    expect(page.get_by_text(words).first).to_be_visible(timeout=1000)


@pytest.mark.usefixtures("demonstration")
class TestLifeOfAGrant:
    def test_goes_from_request_to_verified_absent(self, sign_in: SignIn, holds: Holds) -> None:
        lena = sign_in("lena")
        ask(lena, "Report on payments", "Payments on call", "2 hours")
        approve(sign_in("tomas"), "P-0102")
        assert not holds("lena", "payments_report")
        approve(sign_in("amara"), "P-0102")
        open_grant(lena, "Report on payments")
        wait_for(lena, PRESENT)
        assert holds("lena", "payments_report")
        for stage in ("Requested by Lena Fischer", "Approved by Tomás Rey", "Approved by Amara Diallo", "Provisioned"):
            expect(lena.get_by_role("heading", name=stage)).to_be_visible()
        lena.get_by_role("button", name="Hand back").first.click()
        lena.get_by_role("button", name="Hand back").last.click()
        wait_for(lena, ABSENT)
        assert not holds("lena", "payments_report")

    def test_ends_a_lease_of_a_minute_with_no_one_doing_anything(self, sign_in: SignIn, holds: Holds) -> None:
        jonas = sign_in("jonas")
        ask(jonas, "Read payments", "Month-end close", "1 minute")
        approve(sign_in("amara"), "P-0119")
        open_grant(jonas, "Read payments")
        wait_for(jonas, PRESENT)
        assert holds("jonas", "payments_read")
        wait_for(jonas, ABSENT, seconds=90)
        assert not holds("jonas", "payments_read")
