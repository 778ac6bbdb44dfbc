"""What is kept apart, as its people see it: found, mitigated by two, and back when the mitigation has ended."""

from datetime import timedelta
from urllib.parse import urljoin

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from governance.access.models import Assignment
from governance.catalog.models import Entitlement
from governance.identities.models import Identity
from governance.separation.models import Mitigation, SeparationRule
from governance.separation.moves import SCAN
from tests.apart import kept_apart
from tests.browser.conftest import SignIn
from tests.browser.walk import go, wait_for
from tests.builders import keep
from tests.harness.portal import Portal


@pytest.fixture
def kept(demonstration: object) -> SeparationRule:
    """Lena holds what a rule of Jonas's keeps apart."""
    lena, jonas = (Identity.objects.get(user__username=name) for name in ("lena", "jonas"))
    read, write = (Entitlement.objects.get(key=key) for key in ("payments_read", "payments_write"))
    account = lena.accounts.get(system=read.system)
    for what in (read, write):
        if not Assignment.objects.filter(account=account, entitlement=what, wanted=True).exists():
            keep(Assignment(account=account, entitlement=what, wanted=True))
    return kept_apart(read, write, owner=jonas, reason="Whoever checks payments does not correct them.")


def open_violation(page: Page) -> None:
    page.goto(urljoin(page.url, "/separation/"))
    page.locator("tbody tr", has_text="Ordering and paying").get_by_role("link").first.click()


class TestAMitigation:
    def test_that_ends_brings_the_violation_back(
        self, kept: SeparationRule, demonstration: Portal, sign_in: SignIn
    ) -> None:
        lena, hana = sign_in("lena"), sign_in("hana")
        demonstration.sweep(SCAN)
        go(hana, "Policy", "Separation")
        wait_for(hana, "Ordering and paying")
        open_violation(lena)
        expect(lena.get_by_text("Nothing covers it")).to_be_visible()
        day = f"{timezone.now() + timedelta(days=5):%Y-%m-%d}"
        lena.get_by_role("link", name="Ask for a mitigation").click()
        lena.get_by_label("Why both sides are needed").fill("Nobody else is on call this week.")
        lena.get_by_label("What is done meanwhile").fill("Amara reads every correction each evening.")
        lena.get_by_label("Until").fill(day)
        lena.get_by_label("Reviewed again on").fill(day)
        lena.get_by_role("button", name="Ask for it").click()
        expect(lena.get_by_role("button", name="Approve")).to_have_count(0)
        go(hana, "Policy", "Separation")
        hana.get_by_role("link", name="Mitigations").click()
        hana.locator("tbody tr", has_text="Amara reads").get_by_role("link").first.click()
        hana.get_by_role("button", name="Approve").first.click()
        hana.get_by_role("dialog").get_by_role("button", name="Approve").click()
        expect(hana.get_by_text("is approved.")).to_be_visible()
        open_violation(lena)
        expect(lena.get_by_text("Mitigated for now")).to_be_visible()
        now = timezone.now()
        Mitigation.objects.filter(rule=kept).update(ends_at=now, review_at=now)
        demonstration.sweep(SCAN)
        wait_for(lena, "Nothing covers it")
        jonas = sign_in("jonas")
        jonas.goto(urljoin(lena.url, "/notifications/"))
        told = f"Lena Fischer breaks {kept} again: the mitigation has ended"
        expect(jonas.get_by_text(told, exact=True)).to_be_visible()
