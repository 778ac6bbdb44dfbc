"""One grant's whole life, as its people see it, on a real server."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Holds, SignIn
from tests.browser.walk import ABSENT, PRESENT, approve, ask, open_grant, wait_for


@pytest.mark.usefixtures("demonstration")
class TestLifeOfAGrant:
    def test_goes_from_request_to_verified_absent(self, sign_in: SignIn, holds: Holds) -> None:
        lena = sign_in("lena")
        ask(lena, "Report on payments", "Month-end close", "2 hours")
        approve(sign_in("tomas"), "Month-end close")
        assert not holds("lena", "payments_report")
        approve(sign_in("amara"), "Month-end close")
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
        approve(sign_in("amara"), "Month-end close")
        open_grant(jonas, "Read payments")
        wait_for(jonas, PRESENT)
        assert holds("jonas", "payments_read")
        wait_for(jonas, ABSENT, seconds=90)
        assert not holds("jonas", "payments_read")
