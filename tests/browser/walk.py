"""The steps that people take through the pages, as browser tests take them."""

import re
from collections.abc import Iterable
from itertools import product
from typing import Literal
from urllib.parse import urljoin

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import FilePayload, Page, expect

Scheme = Literal["light", "dark"]
WIDTHS = (1440, 390)
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
EVIDENCE: FilePayload = {"name": "book.png", "mimeType": "image/png", "buffer": b"\x89PNG\r\n\x1a\nline 118"}

PRESENT = "Active, verified present"
ABSENT = "Revoked, verified absent"


class Counted:
    """Somebody whose every click, filled field and key is counted: as many steps as a task takes."""

    def __init__(self, page: Page) -> None:
        self.page, self.steps = page, 0

    def click(self, role: Literal["link", "radio", "checkbox", "button"], name: str) -> None:
        """Click the first thing of the role whose name begins so."""
        self.steps += 1
        self.page.get_by_role(role, name=re.compile(f"^{re.escape(name)}")).first.click()

    def fill(self, label: str, text: str) -> None:
        """Write into the field."""
        self.steps += 1
        self.page.get_by_label(label).fill(text)

    def press(self, key: str) -> None:
        """Press one key, wherever the focus is."""
        self.steps += 1
        self.page.keyboard.press(key)


def go(page: Page, group: str, name: str) -> None:
    """Open a group of the menu, and go one of its ways."""
    main = page.get_by_role("navigation", name="Main")
    main.locator("summary", has_text=group).click()
    main.get_by_role("link", name=name, exact=True).click()


def ask(page: Page, what: str, purpose: str, term: str) -> None:
    """Fill the four clauses, read the draft lease, send it."""
    page.get_by_role("link", name="Request access").first.click()
    page.get_by_label(what).check()
    page.get_by_role("radio", name=re.compile(purpose)).check()
    page.get_by_label("Why is this needed now?").fill("The month must be reconciled before it is closed.")
    page.get_by_role("radio", name=re.compile(term)).check()
    expect(page.locator("#draft")).to_contain_text("Who decides")
    page.get_by_role("button", name="Send request").click()
    expect(page.get_by_role("heading", name="Who decides")).to_be_visible()


def approve(page: Page, purpose: str) -> None:
    """Open what waits for the purpose, and say yes to it."""
    page.get_by_role("link", name=re.compile("^Approvals")).click()
    page.locator(".item", has_text=purpose).first.click()
    page.get_by_label("Reason").fill("Needed for the reconciliation.")
    page.get_by_role("button", name=re.compile("^Approve")).click()
    page.wait_for_load_state()


def open_grant(page: Page, what: str) -> None:
    """The newest grant of the signed-in person on what was asked for."""
    page.get_by_role("link", name="Grants", exact=True).click()
    page.locator("tbody tr", has_text=what).first.get_by_role("link").first.click()


def wait_for(page: Page, words: str, seconds: int = 30) -> None:
    """Look again until the page says it: workers take a moment."""
    for _ in range(seconds):
        if page.get_by_text(words).count():
            return
        page.wait_for_timeout(1000)
        page.reload()
    expect(page.get_by_text(words).first).to_be_visible(timeout=1000)


def hand_back(page: Page) -> None:
    """Give the opened grant back, in the dialog."""
    page.get_by_role("button", name="Hand back").first.click()
    page.get_by_role("button", name="Hand back").last.click()
    page.wait_for_load_state()


def open_task(page: Page, what: str) -> None:
    """The task that waits for the signed-in person."""
    page.goto(urljoin(page.url, "/tasks/?state=waiting"))
    wait_for(page, what)
    page.get_by_role("link", name=re.compile(what)).first.click()
    expect(page.get_by_role("heading", name="What is to be done")).to_be_visible()
    look_over(page)


def work_by_hand(page: Page, what: str) -> None:
    """Do what the task says: without evidence it is not taken, and nobody confirms their own work."""
    open_task(page, what)
    page.get_by_label("What was done").fill("Entered in the badge book, line 118.")
    page.get_by_role("button", name="It is done").click()
    expect(page.get_by_text("Without evidence it can't be confirmed.")).to_be_visible()
    page.get_by_label("Evidence").set_input_files(EVIDENCE)
    page.get_by_role("button", name="It is done").click()
    expect(page.get_by_text("Somebody else confirms it next.")).to_be_visible()
    expect(page.get_by_role("button", name="Confirm")).to_have_count(0)
    look_over(page)


def confirm(page: Page, what: str) -> None:
    """Look at the evidence, and confirm what somebody else has done."""
    open_task(page, what)
    with page.expect_download() as download:
        page.get_by_role("link", name="book.png").click()
    assert download.value.suggested_filename == "book.png"
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_text("It stands for reading the system back.")).to_be_visible()


def look_over(page: Page) -> None:
    """The page as it stands, wide and light, narrow and dark: whole, and accessible."""
    found = faults_seen(page, zip(WIDTHS, SCHEMES, strict=True))
    assert not found, found


def faults_everywhere(page: Page) -> list[str]:
    """What is wrong with the page as it stands, in every width and scheme."""
    return faults_seen(page, product(WIDTHS, SCHEMES))


def faults_seen(page: Page, looks: Iterable[tuple[int, Scheme]]) -> list[str]:
    """What is wrong with the page as it stands, in each width and scheme."""
    found = []
    for width, scheme in looks:
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        found += [f"{page.url} at {width} in {scheme}: {fault}" for fault in faults(page)]
    page.set_viewport_size({"width": WIDTHS[0], "height": 900})
    return found


def faults(page: Page) -> list[str]:
    """What is wrong with the page as it stands."""
    found = [
        f"axe: {fault['id']} at {fault['nodes'][0]['html'][:200]}" for fault in Axe().run(page).response["violations"]
    ]
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return [*found, f"{wide} pixels stick out"] if wide > 0 else found
