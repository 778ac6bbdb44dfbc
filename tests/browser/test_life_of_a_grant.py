"""One grant's whole life, as its people see it, on a real server."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Holds, SignIn
from tests.browser.walk import ABSENT, PRESENT, approve, ask, confirm, hand_back, open_grant, wait_for, work_by_hand


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
        hand_back(lena)
        wait_for(lena, ABSENT)
        assert not holds("lena", "payments_report")

    def test_goes_the_same_way_in_a_scim_application(self, sign_in: SignIn, is_in: Holds) -> None:
        lena = sign_in("lena")
        ask(lena, "Answer customers", "Customer care", "2 hours")
        approve(sign_in("tomas"), "Customer care")
        assert not is_in("lena", "Support agents")
        approve(sign_in("amara"), "Customer care")
        open_grant(lena, "Answer customers")
        wait_for(lena, PRESENT)
        assert is_in("lena", "Support agents")
        hand_back(lena)
        wait_for(lena, ABSENT)
        assert not is_in("lena", "Support agents")

    def test_goes_from_hand_to_hand_where_no_program_reaches(self, sign_in: SignIn) -> None:
        lena, naomi, jonas = sign_in("lena"), sign_in("naomi"), sign_in("jonas")
        ask(lena, "Vault room badge", "Cash handling", "2 hours")
        approve(sign_in("tomas"), "Cash handling")
        approve(sign_in("amara"), "Cash handling")
        open_grant(lena, "Vault room badge")
        wait_for(lena, "A person has a task for it")
        work_by_hand(naomi, "Give Vault room badge")
        lena.reload()
        expect(lena.get_by_text("somebody else has to confirm it")).to_be_visible()
        confirm(jonas, "Give Vault room badge")
        lena.reload()
        expect(lena.get_by_text(f"{PRESENT} (a person's confirmation)")).to_be_visible()
        hand_back(lena)
        work_by_hand(jonas, "Take Vault room badge")
        confirm(naomi, "Take Vault room badge")
        lena.reload()
        expect(lena.get_by_text(f"{ABSENT} (a person's confirmation)")).to_be_visible()
        for stage in ("Given to a person", "Done by Naomi Bright", "Done by Jonas Weber"):
            expect(lena.get_by_role("heading", name=stage).first).to_be_visible()

    def test_ends_a_lease_of_a_minute_with_no_one_doing_anything(self, sign_in: SignIn, holds: Holds) -> None:
        jonas = sign_in("jonas")
        ask(jonas, "Read payments", "Month-end close", "1 minute")
        approve(sign_in("amara"), "Month-end close")
        open_grant(jonas, "Read payments")
        wait_for(jonas, PRESENT)
        assert holds("jonas", "payments_read")
        wait_for(jonas, ABSENT, seconds=90)
        assert not holds("jonas", "payments_read")
