"""The pictures of the README, taken from the portal as it is. `make shots` writes them anew."""

import pytest
from playwright.sync_api import expect

from config.paths import ROOT
from tests.browser.conftest import SignIn
from tests.browser.walk import PRESENT, open_grant, wait_for

pytestmark = pytest.mark.shots


class TestShots:
    def test_grant(self, sign_in: SignIn) -> None:
        lena = sign_in("lena")
        open_grant(lena, "Read payments")
        wait_for(lena, PRESENT)
        wait_for(lena, "Log verified", seconds=120)
        expect(lena.get_by_role("heading", name="Chain of custody")).to_be_visible()
        lena.set_viewport_size({"width": 1280, "height": 900})
        lena.screenshot(path=ROOT / "docs" / "images" / "grant.png", full_page=True)
