"""A sensitive decision by a session that is too weak: to confirm, back to the form as it was, on record."""

from __future__ import annotations

from typing import Any

import pytest
from allauth.mfa.totp.internal.auth import TOTP
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from governance.approvals.models import ApprovalStep, Decision
from governance.catalog.states import Risk
from governance.core.stepup import FRESH
from governance.grants.models import Grant
from governance.grants.states import GrantState
from governance.users.models import User
from tests import authenticator, builders
from tests.builders import Organisation
from tests.web.conftest import enter

KEY = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
PASSWORD = (("password", ""),)
TYPED = {"reason": "Fits & is <fair>", "acknowledged": "on"}


@pytest.fixture(autouse=True)
def no_limits_yet() -> None:
    cache.clear()


@pytest.fixture
def step(org: Organisation) -> ApprovalStep:
    high = builders.entitlement(org.system, org.owner, risk=Risk.HIGH)
    why = builders.purpose(org.owner, high)
    request = org.submit(entitlement_ids=(high.pk,), purpose_id=why.pk)
    return ApprovalStep.objects.get(pk=builders.step_ids(request)[0])


@pytest.fixture
def user(org: Organisation) -> User:
    assert org.manager.user is not None
    return org.manager.user


@pytest.fixture
def app(rf: Any, user: User, settings: Any) -> None:
    """The manager has an authenticator app."""
    from allauth.core import context  # noqa: PLC0415 - needs Django set up

    with context.request_context(rf.get("/")):
        TOTP.activate(user, KEY)


@pytest.fixture
def client(user: User) -> Client:
    """The manager, signed in with a password alone."""
    client = Client()
    enter(client, user, *PASSWORD)
    return client


def address(verb: str, step: ApprovalStep) -> str:
    return reverse(f"approval-{verb}", args=[step.pk])


def send(client: Client, step: ApprovalStep) -> Any:
    return client.post(address("approve", step), TYPED)


@pytest.mark.usefixtures("app")
class TestStepUp:
    def test_comes_back_to_the_form_with_what_was_typed_and_records_level_two(
        self, client: Client, step: ApprovalStep
    ) -> None:
        asked = client.get(send(client, step)["Location"])
        assert not Decision.objects.exists()
        assert asked["Location"].startswith("/accounts/confirm/code/")
        back = client.post(asked["Location"], {"code": authenticator.code(KEY), "next": address("detail", step)})
        assert back["Location"] == address("detail", step)
        form = client.get(back["Location"]).content.decode()
        assert "Fits &amp; is &lt;fair&gt;</textarea>" in form
        assert "checked" in form
        assert send(client, step)["Location"] == "/approvals/"
        assert Decision.objects.get().assurance == 2

    def test_says_what_waits_for_it_and_nothing_of_that_elsewhere(self, client: Client, step: ApprovalStep) -> None:
        asked = client.get(send(client, step)["Location"])["Location"]
        said = "You are about to approve this. Nothing has been decided yet"
        assert said in client.get(asked).content.decode()
        assert "Nothing has been decided" not in client.get("/accounts/confirm/code/?next=/grants/").content.decode()

    def test_gives_back_what_was_typed_once(self, client: Client, step: ApprovalStep) -> None:
        send(client, step)
        client.get(address("detail", step))
        assert "Fits &amp; is" not in client.get(address("detail", step)).content.decode()

    def test_gives_back_nothing_on_another_page(self, client: Client, org: Organisation, step: ApprovalStep) -> None:
        other = ApprovalStep.objects.get(pk=builders.step_ids(org.submit())[0])
        send(client, step)
        assert "Fits &amp; is" not in client.get(address("detail", other)).content.decode()

    def test_is_asked_of_a_session_that_proved_it_long_ago(
        self, client: Client, user: User, step: ApprovalStep
    ) -> None:
        enter(client, user, ago=FRESH.total_seconds() + 5)
        assert send(client, step)["Location"].startswith("/accounts/confirm/")
        enter(client, user, ago=FRESH.total_seconds() - 30)
        assert send(client, step)["Location"] == "/approvals/"

    def test_is_not_satisfied_by_a_wrong_code_or_a_recovery_code(self, client: Client, step: ApprovalStep) -> None:
        client.post("/accounts/confirm/code/", {"code": authenticator.wrong_code(KEY)})
        assert send(client, step)["Location"].startswith("/accounts/confirm/")
        assert not Decision.objects.exists()

    def test_brings_back_to_a_page_of_its_own(self, client: Client, org: Organisation, user: User) -> None:
        grant = builders.live_grant(org.submit())
        page = reverse("grant-revoke", args=[grant.pk])
        asked = client.post(page, {"reason": "No longer so."})
        assert asked["Location"].startswith("/accounts/confirm/")
        assert "No longer so." in client.get(page).content.decode()
        enter(client, user)
        client.post(page, {"reason": "No longer so."})
        assert Grant.objects.get(pk=grant.pk).state == GrantState.REVOKING

    def test_is_announced_beside_the_button(self, client: Client, step: ApprovalStep) -> None:
        assert "Approving asks for your second factor" in client.get(address("detail", step)).content.decode()

    def test_says_first_what_is_wrong_in_the_form(self, client: Client, step: ApprovalStep) -> None:
        assert client.post(address("approve", step), {"reason": ""}).status_code == 422


class TestWithoutASecondFactor:
    def test_one_is_told_to_set_one_up_and_finds_the_way_back(self, client: Client, step: ApprovalStep) -> None:
        text = client.get(send(client, step)["Location"]).content.decode()
        assert "You are about to approve this." in text
        assert address("detail", step) in client.get("/accounts/security/").content.decode()
