"""An emergency, as its people see it: taken at once, before security's eyes, stopped, reviewed and closed."""

import re

from playwright.sync_api import expect

from tests.browser.conftest import Holds, SignIn
from tests.browser.walk import ABSENT, PRESENT, look_over, wait_for
from tests.harness.portal import Portal


class TestBreakGlass:
    def test_is_taken_seen_stopped_reviewed_and_closed(
        self, demonstration: Portal, sign_in: SignIn, holds: Holds
    ) -> None:
        lena, hana = sign_in("lena"), sign_in("hana")
        lena.get_by_role("link", name="Requests", exact=True).click()
        lena.get_by_role("link", name="Break-glass").click()
        lena.get_by_role("link", name="Break the glass").click()
        look_over(lena)
        lena.get_by_label("What you need").select_option(label="Write payments on Payments DB")
        lena.get_by_label("Emergency").select_option(index=1)
        lena.get_by_label("Incident").fill("INC-2041")
        lena.get_by_label("Why").fill("Payments are stuck since noon.")
        lena.get_by_label("For how long").fill("1 hour")
        lena.get_by_role("button", name="Break the glass").click()
        expect(lena.get_by_role("heading", name="Taken at once, and standing")).to_be_visible()
        wait_for(lena, PRESENT)
        assert holds("lena", "payments_write")
        lena.goto(demonstration.url)
        expect(lena.get_by_text("You have taken Write payments")).to_be_visible()

        hana.goto(demonstration.url)
        expect(hana.get_by_text("Lena Fischer has taken Write payments")).to_be_visible()
        hana.get_by_role("link", name="What is to be done").click()
        look_over(hana)
        hana.get_by_role("button", name="Stop it").first.click()
        hana.get_by_label("Reason").fill("The queue runs again.")
        hana.get_by_role("button", name="Stop it").last.click()
        wait_for(hana, ABSENT)
        assert not holds("lena", "payments_write")

        hana.get_by_role("button", name="Review it").first.click()
        hana.get_by_label("What was done").fill("The queue was restarted by hand.")
        hana.get_by_label("No credential was exposed").check()
        hana.get_by_role("button", name="Review it").last.click()
        expect(hana.get_by_text("The queue was restarted by hand.")).to_be_visible()
        hana.get_by_role("button", name="Close it").first.click()
        hana.get_by_role("button", name="Close it").last.click()
        expect(hana.get_by_text(re.compile(r"is closed\."))).to_be_visible()
        lena.reload()
        expect(lena.get_by_text("You have taken")).to_have_count(0)
