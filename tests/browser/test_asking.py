"""Asking for several at once, and having a lease go on, as people see it."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Event

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from governance.grants.models import Grant
from tests.browser.conftest import Holds, SignIn
from tests.browser.walk import PRESENT, Counted, approve, ask, look_over, open_grant, wait_for

LATER = timedelta(seconds=12)
"""After its end a lease that nothing follows is long gone from the target."""


def first_end() -> datetime:
    """When the earlier of the two leases ends."""
    return Grant.objects.get(renewals__isnull=False).ends_at


def lost(holds: Callable[[], bool], done: Event) -> bool:
    """Whether the target was ever seen without the access, looked at as often as it answers."""
    while not done.is_set():
        if not holds():
            return True
        done.wait(0.05)
    return False


def fill(page: Page, what: str, purpose: str) -> None:
    """The clauses but for whom."""
    page.get_by_label(what).check()
    page.get_by_role("radio", name=re.compile(purpose)).check()
    page.get_by_label("Why is this needed now?").fill("The month must be reconciled before it is closed.")
    page.get_by_role("radio", name="2 hours").check()


@pytest.mark.usefixtures("demonstration")
class TestACart:
    def test_asks_for_two_with_a_live_preview(self, sign_in: SignIn) -> None:
        tomas = sign_in("tomas")
        tomas.get_by_role("link", name="Request access").first.click()
        tomas.get_by_role("checkbox", name=re.compile("^Teammates")).check()
        tomas.locator("#id_mate").select_option(label="Lena Fischer (Person)")
        fill(tomas, "Report on payments", "Month-end close")
        draft = tomas.locator("#draft")
        expect(draft.get_by_role("heading", name="For each")).to_be_visible()
        for name in ("Tomás Rey", "Lena Fischer"):
            expect(draft.locator("li", has_text=name).first).to_be_visible()
        look_over(tomas)
        tomas.get_by_role("button", name="Send request").click()
        expect(tomas.get_by_text(re.compile(r"R-\d+ and R-\d+ are filed\."))).to_be_visible()

    def test_is_put_aside_and_come_back_to(self, sign_in: SignIn) -> None:
        lena = sign_in("lena")
        lena.get_by_role("link", name="Request access").first.click()
        fill(lena, "Report on payments", "Month-end close")
        lena.get_by_role("button", name="Save draft").click()
        expect(lena.get_by_text("The draft is saved.")).to_be_visible()
        lena.get_by_role("link", name=re.compile("The month must be reconciled")).click()
        expect(lena.get_by_label("Report on payments")).to_be_checked()
        look_over(lena)


@pytest.mark.usefixtures("demonstration")
class TestCommonAccess:
    def test_is_asked_for_in_six_steps_from_home(self, sign_in: SignIn) -> None:
        lena = Counted(sign_in("lena"))
        lena.click("link", "Request access")
        lena.click("checkbox", "Report on payments")
        lena.click("radio", "Month-end close")
        lena.fill("Why is this needed now?", "The month must be reconciled before it is closed.")
        lena.click("radio", "2 hours")
        lena.click("button", "Send request")
        expect(lena.page.get_by_role("heading", name="Who decides")).to_be_visible()
        assert lena.steps <= 6


@pytest.mark.usefixtures("demonstration")
class TestARenewal:
    def test_leaves_no_gap_that_the_target_would_see(self, sign_in: SignIn, holds: Holds) -> None:
        jonas, amara = sign_in("jonas"), sign_in("amara")
        ask(jonas, "Read payments", "Month-end close", "1 minute")
        approve(amara, "Month-end close")
        open_grant(jonas, "Read payments")
        wait_for(jonas, PRESENT)
        with ThreadPoolExecutor(1) as pool:
            done = Event()
            watched = pool.submit(lost, lambda: holds("jonas", "payments_read"), done)
            jonas.get_by_role("button", name="Renew").first.click()
            jonas.locator("dialog[open]").get_by_label("Why is it still needed?").fill("The month is not closed yet.")
            jonas.locator("dialog[open]").get_by_label("For how long from its end on").select_option("2 hours")
            jonas.locator("dialog[open]").get_by_role("button", name="Renew").click()
            approve(amara, "Month-end close")
            open_grant(jonas, "Read payments")
            wait_for(jonas, PRESENT, seconds=90)
            jonas.wait_for_timeout(1000 * (first_end() - timezone.now() + LATER).total_seconds())
            done.set()
            assert not watched.result(timeout=10)
        jonas.reload()
        expect(jonas.get_by_text(PRESENT).first).to_be_visible()
        assert holds("jonas", "payments_read")
