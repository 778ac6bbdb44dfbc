"""A rule, from its first mistake to being in force: written by one person, approved by another."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import SignIn
from tests.browser.walk import go, look_over, wait_for

WRONG = "identity.kind == 'person' &&\n  entitlement.risk > 3"
RIGHT = "identity.kind == 'person' &&\n  entitlement.risk == 'critical'"


@pytest.mark.usefixtures("demonstration")
class TestPolicy:
    def test_is_written_corrected_replayed_and_published_by_two_people(self, sign_in: SignIn) -> None:
        naomi, hana = sign_in("naomi"), sign_in("hana")
        write(naomi)
        expect(naomi.get_by_role("heading", name="POL-70 version 1")).to_be_visible()
        look_over(naomi)
        replay(naomi)
        propose(naomi)
        go(naomi, "Policy", "Rules")
        expect(naomi.locator("tr", has_text="POL-70")).to_contain_text("Draft")
        approve(hana)
        naomi.reload()
        expect(naomi.locator("tr", has_text="POL-70")).to_contain_text("In force")
        naomi.get_by_role("link", name="Critical access answers to security").click()
        naomi.get_by_role("link", name="Version 1").first.click()
        expect(naomi.get_by_text("Hana Sato")).to_be_visible()


def write(page: Page) -> None:
    """The rule, first with a mistake that is marked in the text and keeps it from being saved."""
    go(page, "Policy", "Rules")
    page.get_by_role("link", name="New rule").click()
    page.get_by_role("textbox", name="Key").fill("POL-70")
    page.get_by_role("textbox", name="Title").fill("Critical access answers to security")
    page.get_by_role("textbox", name="Owner").fill("hana@demo.example")
    condition = page.get_by_role("textbox", name="Condition")
    condition.fill(WRONG)
    expect(page.locator(".marks mark")).to_have_text(">")
    expect(page.get_by_text("Line 2, column 20: > does not work on string and int")).to_be_visible()
    page.get_by_text("People decide").click()
    page.get_by_label("Security", exact=True).check()
    page.get_by_role("textbox", name="Reason, as requesters").fill("{entitlement.name} is critical: security decides.")
    page.get_by_role("textbox", name="Why you write it so").fill("Asked for by the review of May.")
    look_over(page)
    page.get_by_role("button", name="Save the draft").click()
    expect(page.get_by_text("Line 2, column 20")).to_be_visible()
    condition = page.get_by_role("textbox", name="Condition")
    condition.fill(RIGHT)
    expect(page.locator(".marks mark")).to_have_count(0)
    expect(page.get_by_text("Line 2, column 20")).to_be_hidden()
    page.get_by_role("button", name="Save the draft").click()


def replay(page: Page) -> None:
    """Over the past, by a real worker; and back."""
    page.get_by_role("button", name="Replay").first.click()
    page.get_by_role("spinbutton", name="Days").fill("365")
    page.get_by_role("button", name="Replay").last.click()
    wait_for(page, "Done")
    expect(page.get_by_role("row", name=re.compile("Judged again"))).to_be_visible()
    look_over(page)
    page.get_by_role("link", name="POL-70 version 1").click()


def propose(page: Page) -> None:
    """That it takes effect at the last yes."""
    page.get_by_role("button", name="Propose to publish").first.click()
    page.get_by_label("Live leases that it denies").select_option("Let them run to their end")
    page.get_by_role("textbox", name="Why", exact=True).fill(
        "The review of May asked for it, and the replay shows whom it meets."
    )
    page.get_by_role("button", name="Propose to publish").last.click()
    expect(page.get_by_text("POL-70 stays as it is until it is approved.")).to_be_visible()
    expect(page.get_by_text(re.compile(r"Of the leases live on .* 0 are denied"))).to_be_visible()
    look_over(page)


def approve(page: Page) -> None:
    """The owner of the rule reads what it says, and says yes."""
    page.get_by_role("link", name=re.compile("^Approvals")).click()
    page.locator(".item", has_text="POL-70").first.click()
    page.get_by_label("Reason").fill("As agreed.")
    page.get_by_label(re.compile("I have read what changes")).check()
    page.get_by_role("button", name=re.compile("^Approve")).click()
    page.wait_for_load_state()
