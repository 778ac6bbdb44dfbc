"""A role that access has already: found by a worker, looked at, and proposed as a bundle."""

import os
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from governance.access.models import Assignment
from governance.identities.models import Identity
from tests import builders
from tests.browser.conftest import SignIn
from tests.browser.walk import SCHEMES, WIDTHS, go, look_over, wait_for

SHOTS = os.environ.get("FINDING_SHOTS")


def clerks(owner: Identity, size: int = 7) -> None:
    """So many clerks of one department who hold the same three entitlements; one holds something else besides."""
    on = builders.system(owner, name="Invoice archive", key="archive")
    items = [builders.entitlement(on, owner, name=name) for name in ("Read invoices", "File invoices", "Mark as paid")]
    for number in range(size):
        someone = builders.person(f"Clerk {number}", department="Finance", title="Invoice clerk")
        at = builders.account(someone, on)
        for item in items[: 2 if number == size - 1 else 3]:
            builders.keep(Assignment(account=at, entitlement=item, wanted=True))
    other = builders.entitlement(on, owner, name="Delete invoices", risk="critical")
    first = Identity.objects.get(name="Clerk 0")
    why = builders.purpose(owner, other, name="Year end")
    builders.adopted(first.accounts.get(system=on), first, other, why)


def shot(page: Page, name: str) -> None:
    """A picture in every width and scheme, where they are wanted."""
    if not SHOTS:
        return
    for width in WIDTHS:
        for scheme in SCHEMES:
            page.set_viewport_size({"width": width, "height": 900})
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            page.screenshot(path=Path(SHOTS) / f"{name}-{width}-{scheme}.png", full_page=True)
    page.set_viewport_size({"width": WIDTHS[0], "height": 900})


def dismissing(page: Page) -> None:
    """The form that lets the finding be, as a dialog and as a page; it is not sent."""
    here = page.url
    page.get_by_role("button", name="Dismiss").first.click()
    shot(page, "dialog")
    look_over(page)
    page.get_by_role("dialog").get_by_role("link", name="Not now").click()
    page.goto(f"{here}dismiss")
    shot(page, "act")
    look_over(page)
    page.get_by_role("link", name="Not now").click()
    expect(page).to_have_url(here)


@pytest.mark.usefixtures("demonstration")
class TestFindings:
    def test_lead_to_a_bundle(self, sign_in: SignIn) -> None:
        naomi = sign_in("naomi")
        clerks(Identity.objects.get(external_key="naomi"))
        go(naomi, "Policy", "Findings")
        naomi.get_by_role("button", name="Look again").first.click()
        naomi.get_by_role("button", name="Look again").last.click()
        wait_for(naomi, "Done")
        shot(naomi, "list")
        look_over(naomi)
        naomi.get_by_role("link", name="Delete invoices").first.click()
        shot(naomi, "finding")
        look_over(naomi)
        dismissing(naomi)
        naomi.locator(".over").get_by_role("link", name="Findings").click()
        naomi.get_by_role("link", name="Suggested roles").click()
        shot(naomi, "suggestions")
        look_over(naomi)
        naomi.get_by_role("link", name="Finance").first.click()
        shot(naomi, "suggestion")
        look_over(naomi)
        naomi.get_by_role("link", name="Propose this bundle").click()
        shot(naomi, "propose")
        expect(naomi.get_by_role("textbox", name="Who matches")).to_have_value("identity.department == 'Finance'")
        naomi.get_by_role("button", name="Propose it").click()
        expect(naomi.get_by_text("is proposed. Those who decide are asked.")).to_be_visible()
