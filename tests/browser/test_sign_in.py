"""Signing in with what only a browser can show: an authenticator app's key, a passkey; and signing a decision."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from playwright.sync_api import Browser, Page, expect

from config import network
from governance.approvals.models import Decision
from tests import authenticator
from tests.browser.conftest import SOON, SignIn
from tests.browser.walk import ask
from tests.harness import providers
from tests.harness.portal import Portal
from tests.harness.providers import Person

PHRASE = "a long enough phrase"


def named_host(portal: Portal) -> str:
    """The portal under a host's name: browsers keep no passkey for an address."""
    return portal.url.replace("127.0.0.1", "localhost")


@pytest.fixture
def tomas(demonstration: Portal, settings: Any) -> Any:
    """A persona who has a password as well, hashed as the portal's own processes hash it."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
    user: Any = get_user_model().objects.get(username="tomas")
    user.set_password(PHRASE)
    user.save()
    return user


@pytest.fixture
def page(demonstration: Portal, browser: Browser) -> Any:
    """A stranger's browser."""
    context = browser.new_context(base_url=named_host(demonstration), viewport={"width": 1440, "height": 900})
    found = context.new_page()
    found.set_default_timeout(SOON)
    yield found
    context.close()


def enter(page: Page, username: str) -> None:
    """Sign in with the password."""
    page.goto("/accounts/login/")
    page.get_by_text("Sign in with a password").click()
    page.get_by_label("Username").fill(username)
    page.get_by_label("Password").fill(PHRASE)
    page.get_by_role("button", name="Sign in", exact=True).click()


def leave(page: Page) -> None:
    page.goto("/accounts/logout/")
    page.get_by_role("main").get_by_role("button", name="Sign out").click()


def confirm(page: Page) -> None:
    """Confirm with the password, where that is asked."""
    page.get_by_label("Password").fill(PHRASE)
    page.get_by_role("button", name="Confirm").click()


def set_up_app(page: Page) -> str:
    """Set up an authenticator app on the page that asks for its first code; returns its key."""
    key = page.locator("code.key-text").inner_text()
    expect(page.locator(".qr svg")).to_be_visible()
    page.get_by_label("Authenticator code").fill(authenticator.code(key))
    page.get_by_role("button", name="Set up the app").click()
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    return key


def with_authenticator(page: Page) -> None:
    """Chromium's own virtual authenticator, in the place of a fingerprint reader."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    session.send("WebAuthn.addVirtualAuthenticator", {"options": options})


@pytest.mark.usefixtures("tomas")
class TestAuthenticatorApp:
    def test_is_set_up_and_signs_in_at_level_two(self, page: Page) -> None:
        enter(page, "tomas")
        page.goto("/accounts/security/")
        expect(page.get_by_text("1, one factor")).to_be_visible()
        page.get_by_role("link", name="Set up an app").click()
        confirm(page)
        key = set_up_app(page)
        leave(page)
        enter(page, "tomas")
        page.get_by_label("Code").fill(authenticator.next_code(key))
        page.get_by_role("button", name="Sign in").click()
        page.goto("/accounts/security/")
        expect(page.get_by_text("2, two factors")).to_be_visible()


@pytest.mark.usefixtures("tomas")
class TestPasskey:
    def test_is_added_and_signs_in_by_itself_at_level_two(self, page: Page) -> None:
        refused: list[str] = []
        page.on("console", lambda message: refused.append(message.text) if message.type == "error" else None)
        with_authenticator(page)
        enter(page, "tomas")
        page.goto("/accounts/security/passkeys/add/")
        confirm(page)
        page.get_by_label("Name").fill("Fingerprint")
        page.get_by_role("button", name="Add a passkey").click()
        expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
        leave(page)
        page.goto("/accounts/login/")
        page.get_by_role("button", name="Use a passkey").click()
        expect(page.get_by_role("button", name="Account: Tomás Rey")).to_be_visible()
        page.goto("/accounts/security/")
        expect(page.get_by_text("2, two factors")).to_be_visible()
        expect(page.get_by_text("Fingerprint", exact=True).first).to_be_visible()
        page.goto("/notifications/")
        expect(page.get_by_text("A passkey was added to your account", exact=True)).to_be_visible()
        assert refused == []


@pytest.fixture
def with_provider(demonstration: Portal) -> Iterator[str]:
    """The portal with a provider to sign in at, under a name: the address of both is on this machine."""
    port = network.free_port("127.0.0.1")
    people = [Person("lena.f", "lena", "lena@demo.example"), Person("stranger", "nobody", "nobody@demo.example")]
    with providers.running(people, [f"http://localhost:{port}/accounts/sso/callback/"]) as provider:
        yield demonstration.start_another_web(**provider.env(), PORT=str(port))


class TestSingleSignOn:
    def come_from_provider(self, page: Page, there: str, name: str) -> None:
        page.goto(f"{there}/accounts/login/?next=/grants/")
        page.get_by_role("link", name="Sign in with the house's sign-in").click()
        page.locator("[name=login]").fill(name)
        page.locator("[name=login]").press("Enter")
        page.locator("[name=password]").fill(providers.PASSWORD)
        page.locator("[name=password]").press("Enter")

    def test_lets_in_whom_the_portal_knows_and_leads_on(self, page: Page, with_provider: str) -> None:
        self.come_from_provider(page, with_provider, "lena.f")
        expect(page.get_by_role("heading", name="Grants")).to_be_visible()
        expect(page.get_by_role("button", name="Account: Lena Fischer")).to_be_visible()
        page.goto(f"{with_provider}/accounts/security/")
        expect(page.get_by_text("1, one factor")).to_be_visible()

    def test_tells_a_stranger_so(self, page: Page, with_provider: str) -> None:
        self.come_from_provider(page, with_provider, "stranger")
        expect(page.get_by_role("heading", name="Nobody here is you")).to_be_visible()


@pytest.mark.usefixtures("tomas")
class TestStepUp:
    def ask_for_much(self, sign_in: SignIn) -> None:
        ask(sign_in("lena"), "Write payments", "Payments on call", "2 hours")

    def open_and_approve(self, page: Page) -> None:
        page.goto("/approvals/")
        page.locator(".item", has_text="Write payments").first.click()
        page.get_by_role("textbox", name="Reason").fill("She is on call, and nobody else is.")
        page.get_by_label("I have read").check()
        page.get_by_role("button", name=re.compile("^Approve")).click()

    def test_is_asked_for_at_level_one_and_the_decision_is_on_record_at_level_two(
        self, page: Page, sign_in: SignIn
    ) -> None:
        self.ask_for_much(sign_in)
        enter(page, "tomas")
        before = set(Decision.objects.values_list("pk", flat=True))
        self.open_and_approve(page)
        page.get_by_role("link", name="Set up an authenticator app").click()
        confirm(page)
        key = set_up_app(page)
        page.get_by_role("link", name="I have kept them").click()
        page.get_by_role("link", name="Go back to it").click()
        page.get_by_role("button", name=re.compile("^Approve")).click()
        page.get_by_label("Code").fill(authenticator.next_code(key))
        page.get_by_role("button", name="Confirm").click()
        expect(page.get_by_role("textbox", name="Reason")).to_have_value("She is on call, and nobody else is.")
        expect(page.get_by_label("I have read")).to_be_checked()
        assert set(Decision.objects.values_list("pk", flat=True)) == before
        page.get_by_role("button", name=re.compile("^Approve")).click()
        expect(page.get_by_text("Your approval is on record.")).to_be_visible()
        assert Decision.objects.exclude(pk__in=before).get().assurance == 2

    def test_is_given_by_a_passkey(self, page: Page, sign_in: SignIn) -> None:
        self.ask_for_much(sign_in)
        with_authenticator(page)
        enter(page, "tomas")
        before = set(Decision.objects.values_list("pk", flat=True))
        self.open_and_approve(page)
        page.get_by_role("link", name="Add a passkey").click()
        confirm(page)
        page.get_by_role("button", name="Add a passkey").click()
        page.get_by_role("link", name="I have kept them").click()
        page.get_by_role("link", name="Go back to it").click()
        page.get_by_role("button", name=re.compile("^Approve")).click()
        page.get_by_role("button", name="Confirm with a passkey").click()
        page.get_by_role("button", name=re.compile("^Approve")).click()
        expect(page.get_by_text("Your approval is on record.")).to_be_visible()
        assert Decision.objects.exclude(pk__in=before).get().assurance == 2
