"""An approver at the keyboard: through a full inbox, to less, and several at once."""

import re
from urllib.parse import urljoin

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from governance.approvals.models import ApprovalStep, Decision
from governance.identities.models import Identity
from governance.requests.actions import submit
from tests import builders
from tests.browser.conftest import SignIn
from tests.browser.walk import Counted, look_over

MANY = 50


def full_inbox(manager: Identity, size: int = MANY) -> None:
    """So many requests of low risk of people whose manager decides."""
    on = builders.system(manager, name="Ledger archive", key="ledger-archive")
    what = builders.entitlement(on, manager, name="Read ledger", risk="low")
    why = builders.purpose(manager, what, name="Old books")
    builders.rule("manager", key="POL-90")
    for number in range(size):
        someone = builders.person(f"Asker {number:02}", manager=manager)
        builders.account(someone, on)
        wish = builders.draft(someone, what, why)
        submit(draft=wish, actor=builders.actor(someone), now=timezone.now())


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


@pytest.mark.usefixtures("demonstration")
class TestAnInboxOfFifty:
    def test_is_gone_through_by_keyboard(self, sign_in: SignIn) -> None:
        tomas = Identity.objects.get(external_key="tomas")
        full_inbox(tomas)
        page = sign_in("tomas")
        page.get_by_role("link", name=re.compile("^Approvals")).click()
        first = page.locator("[data-row]").first
        first.wait_for()
        page.wait_for_load_state()  # keys are heard from then on
        press(page, "j", "j", "k")
        expect(first).to_be_focused()
        press(page, "Enter")
        expect(page.get_by_role("form", name="Your decision")).to_be_visible()
        before = Decision.objects.count()
        press(page, "a")
        expect(page.get_by_role("button", name=re.compile("^Approve"))).to_be_focused()
        assert Decision.objects.count() == before
        press(page, "Enter")
        expect(page.get_by_text("Your approval is on record.")).to_be_visible()
        assert Decision.objects.count() == before + 1
        look_over(page)

    def test_is_answered_in_two_keys_each(self, sign_in: SignIn) -> None:
        """Counted from where its page is open, as a notification opens it."""
        full_inbox(Identity.objects.get(external_key="tomas"), 2)
        tomas = Counted(sign_in("tomas"))
        tomas.page.get_by_role("link", name=re.compile("^Approvals")).click()
        tomas.page.locator(".item", has_text="Asker 00").get_by_role("link").click()
        tomas.page.get_by_role("form", name="Your decision").wait_for()
        before = Decision.objects.count()
        tomas.press("a")
        tomas.press("Enter")
        expect(tomas.page.get_by_text("Your approval is on record.")).to_be_visible()
        assert (Decision.objects.count(), tomas.steps) == (before + 1, 2)

    def test_is_decided_in_part_and_together(self, sign_in: SignIn) -> None:
        full_inbox(Identity.objects.get(external_key="tomas"), 3)
        page = sign_in("tomas")
        page.get_by_role("link", name=re.compile("^Approvals")).click()
        page.locator(".item", has_text="Asker 00").get_by_role("link").click()
        page.get_by_label("For how long").select_option(label="1 hour")
        look_over(page)
        page.get_by_role("button", name=re.compile("^Approve")).click()
        expect(page.get_by_text("Your approval is on record.")).to_be_visible()
        assert Decision.objects.filter(term__isnull=False).count() == 1
        page.locator(".item", has_text="Asker 01").get_by_role("link").focus()
        press(page, "x", "j", "x")
        expect(page.locator("[data-picked]")).to_have_text("2 selected.")
        page.get_by_role("button", name="Decide together").click()
        page.get_by_label("Reason for all").fill("They all read the same books.")
        look_over(page)
        page.get_by_role("button", name="Approve 2").click()
        expect(page.get_by_text("Approve, on record")).to_have_count(2)
        look_over(page)

    def test_says_who_came_first(self, sign_in: SignIn) -> None:
        full_inbox(Identity.objects.get(external_key="tomas"), 1)
        one, two = sign_in("tomas"), sign_in("tomas")
        step = ApprovalStep.objects.open().get(route__subject_label__endswith="Read ledger", kind="manager")
        for page in (one, two):
            page.goto(urljoin(page.url, f"/approvals/{step.pk}/"))
        one.get_by_role("button", name=re.compile("^Approve")).click()
        expect(one.get_by_text("Your approval is on record.")).to_be_visible()
        two.get_by_role("button", name=re.compile("^Approve")).click()
        expect(two.get_by_text("You approved this")).to_be_visible()
