"""The steps that people take through the pages, as browser tests take them."""

import re

from playwright.sync_api import Page, expect

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
