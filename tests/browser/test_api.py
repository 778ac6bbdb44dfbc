"""A token made by hand, the documentation drawn under the content policy, and a list taken home as a file."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.request import Request, urlopen

from playwright.sync_api import Page, expect

from tests.browser.conftest import SignIn
from tests.harness.portal import Portal


def refusals(page: Page) -> list[str]:
    """Where what the browser refuses or fails at is written from now on."""
    told: list[str] = []
    page.on("console", lambda message: told.append(message.text) if message.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: told.append(str(error)))
    return told


class TestToken:
    def test_is_made_used_and_revoked(self, demonstration: Portal, sign_in: SignIn) -> None:
        page = sign_in("lena")
        page.get_by_role("button", name="Account").click()
        page.get_by_role("link", name="API tokens").click()
        page.get_by_label("Name").fill("Nightly report")
        page.get_by_role("button", name="Make it").click()
        secret = page.locator("#secret").inner_text()
        expect(page.get_by_text("can't be shown again")).to_be_visible()
        assert self._read(demonstration, secret)["items"]
        page.goto(f"{demonstration.url}/tokens/")
        assert secret not in page.content()
        page.get_by_role("link", name="Revoke Nightly report").click()
        page.get_by_role("button", name="Revoke").click()
        expect(page.locator("tbody")).to_contain_text("Revoked")

    def _read(self, portal: Portal, secret: str) -> dict[str, list[object]]:
        asked = Request(f"{portal.url}/api/v1/purposes", headers={"Authorization": f"Bearer {secret}"})  # noqa: S310
        with urlopen(asked) as answer:  # noqa: S310 - our own portal
            return dict(json.loads(answer.read()))


class TestDocumentation:
    def test_is_drawn_and_tried_under_the_content_policy(self, demonstration: Portal, sign_in: SignIn) -> None:
        page = sign_in("lena")
        refused = refusals(page)
        page.goto(f"{demonstration.url}/api/docs/")
        tags = page.locator(".opblock-tag")
        tags.first.wait_for()
        assert tags.count() > 15
        tags.filter(has_text="Approvals").click()
        expect(page.locator(".opblock").nth(20)).to_be_attached()
        tags.filter(has_text="Purposes").click()
        operation = page.locator("#operations-Purposes-purpose_list")
        operation.locator(".opblock-summary-control").click()
        operation.get_by_role("button", name="Try it out").click()
        operation.get_by_role("button", name="Execute").click()
        expect(operation.locator(".live-responses-table tbody .response-col_status").first).to_contain_text("200")
        assert not refused
        elsewhere = page.evaluate("performance.getEntriesByType('resource').map(one => new URL(one.name).origin)")
        assert {origin for origin in elsewhere if origin != "null"} == {demonstration.url}


class TestExport:
    def test_is_a_file_of_the_list(self, demonstration: Portal, sign_in: SignIn, tmp_path: Path) -> None:
        page = sign_in("oliver")
        page.goto(f"{demonstration.url}/events/")
        with page.expect_download() as started:
            page.get_by_role("link", name="CSV").click()
        started.value.save_as(tmp_path / "events.csv")
        assert (tmp_path / "events.csv").read_text().startswith("sequence,at,action")
