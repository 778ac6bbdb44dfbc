from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from governance.audit.models import AuditEvent
from governance.notifications.models import Notification
from governance.notifications.states import Topic
from governance.users.models import User
from governance.web.accounts.forms import WANTED
from tests import authenticator
from tests.builders import Organisation
from tests.web.conftest import Visit, enter

PHRASE = "a long enough phrase"
ADD_APP = "/accounts/security/app/add/"
CODE = "/accounts/confirm/code/"
SECOND = "/accounts/login/second-factor/"


@pytest.fixture(autouse=True)
def no_limits_yet() -> None:
    cache.clear()


@pytest.fixture
def user(org: Organisation) -> User:
    found = org.requester.user
    assert found is not None
    found.set_password(PHRASE)
    found.save()
    return found


@pytest.fixture
def client(user: User) -> Client:
    """Signed in with a password."""
    client = Client()
    sign_in(client, user)
    return client


@pytest.fixture
def key(client: Client) -> str:
    """The key of an app that is set up."""
    confirm(client)
    found: str = client.get(ADD_APP).context["form"].secret
    assert client.post(ADD_APP, {"code": authenticator.code(found)}).status_code == 302
    return found


def within_a_step() -> datetime:
    """A moment soon at which the same code is shown for 15 seconds more, and was for 15 before."""
    return (timezone.now() + timedelta(minutes=2)).replace(second=15, microsecond=0)


def sign_in(client: Client, user: User, phrase: str = PHRASE) -> Any:
    return client.post("/accounts/login/", {"login": user.username, "password": phrase})


def reset_password(user: User, mailoutbox: Any) -> Client:
    """Somebody follows the link that was mailed to the user, and chooses another password."""
    visitor = Client()
    visitor.post("/accounts/password/reset/", {"email": user.email})
    link = next(word for word in mailoutbox[0].body.split() if "/reset/key/" in word)
    page = visitor.get(link, follow=True).redirect_chain[-1][0]
    visitor.post(page, {"password1": "another long phrase", "password2": "another long phrase"})
    return visitor


def confirm(client: Client) -> None:
    client.post("/accounts/confirm/password/", {"password": PHRASE})


def assurance(client: Client) -> int:
    request: Any = client.get("/").wsgi_request
    return int(request.actor.assurance) if request.actor else -1


def events(user: User) -> list[str]:
    return list(AuditEvent.objects.filter(subject_id=user.pk).order_by("sequence").values_list("action", flat=True))


class TestAuthenticatorApp:
    def test_is_set_up_only_by_who_has_just_confirmed_that_it_is_them(self, client: Client) -> None:
        response = client.get(ADD_APP)
        assert response["Location"] == f"/accounts/confirm/password/?next={ADD_APP.replace('/', '%2F')}"
        confirm(client)
        assert client.get(ADD_APP).status_code == 200

    def test_is_kept_encrypted_and_on_record(self, user: User, key: str) -> None:
        row = Authenticator.objects.get(user=user, type="totp")
        assert key not in row.data["secret"]
        assert events(user) == ["user.signed_in", "user.factor_added"]

    def test_is_not_set_up_by_a_wrong_code(self, client: Client, user: User) -> None:
        confirm(client)
        found = client.get(ADD_APP).context["form"].secret
        assert client.post(ADD_APP, {"code": authenticator.wrong_code(found)}).status_code == 200
        assert not Authenticator.objects.filter(user=user).exists()

    def test_is_asked_for_at_the_next_sign_in_which_is_then_of_level_two(self, user: User, key: str) -> None:
        visitor = Client()
        assert sign_in(visitor, user)["Location"].startswith(SECOND)
        assert assurance(visitor) == -1
        visitor.post(SECOND, {"code": authenticator.next_code(key)})
        assert assurance(visitor) == 2

    def test_shows_a_code_that_works_once(self, user: User, key: str) -> None:
        first, second = Client(), Client()
        for visitor in (first, second):
            sign_in(visitor, user)
            visitor.post(SECOND, {"code": authenticator.next_code(key)})
        assert (assurance(first), assurance(second)) == (2, -1)

    @pytest.mark.parametrize(("drift", "level"), [(-61, -1), (-30, 2), (30, 2), (61, -1)])
    def test_may_have_a_clock_that_is_one_step_off(self, user: User, key: str, drift: int, level: int) -> None:
        now = within_a_step()
        with time_machine.travel(now + timedelta(seconds=drift), tick=False):
            shown = authenticator.code(key)
        visitor = Client()
        with time_machine.travel(now, tick=False):
            sign_in(visitor, user)
            visitor.post(SECOND, {"code": shown})
            assert assurance(visitor) == level

    def test_shows_a_code_that_works_once_for_as_long_as_it_is_tolerated(
        self, user: User, key: str, settings: Any
    ) -> None:
        settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}  # obeys this clock
        first, second = Client(), Client()
        now = within_a_step()
        with time_machine.travel(now, tick=False):
            code = authenticator.next_code(key)
            sign_in(first, user)
            first.post(SECOND, {"code": code})
        with time_machine.travel(now + timedelta(seconds=59), tick=False):
            assert code in {authenticator.code(key, ahead=steps) for steps in (-1, 0, 1)}
            sign_in(second, user)
            second.post(SECOND, {"code": code})
            assert (assurance(first), assurance(second)) == (2, -1)

    def test_is_not_set_up_and_confirmed_by_the_same_code(self, client: Client, user: User) -> None:
        confirm(client)
        found = client.get(ADD_APP).context["form"].secret
        code = authenticator.code(found)
        client.post(ADD_APP, {"code": code})
        assert client.post(CODE, {"code": code}).status_code == 200
        assert assurance(client) == 1

    def test_is_removed_by_a_code_and_not_by_the_password(self, client: Client, user: User, key: str) -> None:
        session = client.session
        session["account_authentication_methods"] = []
        session.save()
        assert client.get("/accounts/security/app/remove/")["Location"].startswith(CODE)
        assert client.post("/accounts/confirm/password/", {"password": PHRASE})["Location"].startswith(CODE)
        client.post(CODE, {"code": authenticator.next_code(key)})
        client.post("/accounts/security/app/remove/")
        assert not Authenticator.objects.filter(user=user).exists()
        assert events(user)[-1] == "user.factor_removed"

    def test_is_asked_for_without_offering_a_passkey_that_there_is_not(self, user: User, key: str) -> None:
        visitor = Client()
        text = visitor.get(sign_in(visitor, user)["Location"]).content.decode()
        assert "authenticator app" in text
        assert "passkey" not in text.split("<main")[1].split("</main")[0]

    def test_is_refused_after_five_wrong_codes_even_with_the_right_one(self, user: User, key: str) -> None:
        visitor = Client()
        sign_in(visitor, user)
        for _ in range(5):
            visitor.post(SECOND, {"code": authenticator.wrong_code(key)})
        answer = visitor.post(SECOND, {"code": authenticator.next_code(key)})
        assert "Too many" in answer.content.decode()
        assert assurance(visitor) == -1
        assert events(user).count("user.refused") == 5

    def test_can_be_read_no_more_with_another_secret_key(self, user: User, key: str, settings: Any) -> None:
        settings.SECRET_KEY = "another key, which is as long as it has to be"
        visitor = Client()
        sign_in(visitor, user)
        assert visitor.post(SECOND, {"code": authenticator.next_code(key)}).status_code == 403


class TestRecoveryCodes:
    def test_are_shown_once(self, client: Client, key: str) -> None:
        page = "/accounts/security/recovery-codes/"
        codes = client.get(page).context["unused_codes"]
        assert len(set(codes)) == 10
        assert codes[0] not in client.get(page).content.decode()

    def test_let_one_in_once_and_prove_no_second_factor(self, client: Client, user: User, key: str) -> None:
        code = client.get("/accounts/security/recovery-codes/").context["unused_codes"][0]
        first, second = Client(), Client()
        for visitor in (first, second):
            sign_in(visitor, user)
            visitor.post(SECOND, {"code": code})
        assert (assurance(first), assurance(second)) == (1, -1)
        assert events(user).count("user.recovery_code_used") == 1


class TestPassword:
    def test_ends_the_other_sessions_when_it_changes(self, client: Client, user: User) -> None:
        other = Client()
        sign_in(other, user)
        new = {"oldpassword": PHRASE, "password1": "another long phrase", "password2": "another long phrase"}
        client.post("/accounts/password/change/", new)
        assert (assurance(client), assurance(other)) == (1, -1)
        assert events(user)[-1] == "user.password_changed"

    def test_ends_every_session_when_it_is_reset(self, client: Client, user: User, mailoutbox: Any) -> None:
        visitor = reset_password(user, mailoutbox)
        assert (assurance(client), assurance(visitor)) == (-1, -1)
        assert events(user)[-1] == "user.password_reset"

    def test_is_reset_by_a_link_that_leads_to_the_portal_whatever_host_was_named(
        self, user: User, mailoutbox: Any, settings: Any
    ) -> None:
        Client(HTTP_HOST="testserver:666").post("/accounts/password/reset/", {"email": user.email})
        (letter,) = mailoutbox
        assert letter.subject == "Reset your password"
        assert f"{settings.PUBLIC_URL}/accounts/password/reset/key/" in letter.body
        assert "testserver" not in letter.body

    def test_is_reset_without_saying_whose_address_is_known(self, user: User, mailoutbox: Any) -> None:
        pages = [
            Client().post("/accounts/password/reset/", {"email": address}, follow=True).content.decode()
            for address in (user.email, "nobody@example.com")
        ]
        assert "Look into your mail" in pages[0]
        assert pages[0].split("<main")[1] == pages[1].split("<main")[1]
        assert "/reset/key/" not in mailoutbox[1].body

    def test_is_refused_after_five_wrong_ones_even_when_right(self, user: User) -> None:
        visitor = Client()
        for _ in range(5):
            sign_in(visitor, user, "a wrong phrase")
        assert "Too many" in sign_in(visitor, user).content.decode()
        assert assurance(visitor) == -1
        assert events(user) == ["user.refused"] * 5

    def test_is_not_refused_to_its_owner_because_somebody_else_guesses(self, user: User) -> None:
        for _ in range(6):
            sign_in(Client(REMOTE_ADDR="192.0.2.66"), user, "a wrong phrase")
        visitor = Client()
        sign_in(visitor, user)
        assert assurance(visitor) == 1

    def test_is_refused_after_fifty_wrong_ones_from_wherever_they_come(self, user: User) -> None:
        for number in range(50):
            sign_in(Client(REMOTE_ADDR=f"192.0.2.{number // 5}"), user, "a wrong phrase")
        assert "Too many" in sign_in(Client(), user).content.decode()

    def test_is_limited_whatever_port_the_host_is_said_to_have(self, user: User) -> None:
        for port in range(5):
            sign_in(Client(HTTP_HOST=f"testserver:{port + 1}"), user, "a wrong phrase")
        assert "Too many" in sign_in(Client(), user).content.decode()

    def test_is_limited_for_an_address_whatever_the_names(self, user: User) -> None:
        visitor = Client()
        for number in range(10):
            visitor.post("/accounts/login/", {"login": f"nobody-{number}", "password": "a wrong phrase"})
        assert "Too many" in sign_in(visitor, user).content.decode()

    def test_is_on_record_in_whatever_case_the_name_was_written(self, user: User) -> None:
        Client().post("/accounts/login/", {"login": user.username.upper(), "password": "a wrong phrase"})
        assert events(user) == ["user.refused"]

    def test_of_nobody_is_on_record_without_the_name(self, org: Organisation) -> None:
        for _ in range(2):
            Client().post("/accounts/login/", {"login": "my-secret-typed-here", "password": "a wrong phrase"})
        found = AuditEvent.objects.filter(action="sign_in.refused").select_related("body")
        assert len({event.subject_id for event in found}) == 1
        assert [event for event in found if "my-secret" in event.body.line] == []


class TestSessions:
    def test_are_listed_and_end_everywhere_else(self, client: Client, user: User) -> None:
        other = Client(HTTP_USER_AGENT="The other browser")
        sign_in(other, user)
        assert "The other browser" in client.get("/accounts/security/").content.decode()
        client.post("/accounts/security/sessions/end/")
        assert (assurance(client), assurance(other)) == (1, -1)
        assert events(user)[-1] == "user.sessions_ended"

    def test_last_twelve_hours_whatever_is_done_in_them(self, client: Client, user: User) -> None:
        now = timezone.now()
        with time_machine.travel(now + timedelta(hours=11, minutes=59)):
            confirm(client)
            assert assurance(client) == 1
        with time_machine.travel(now + timedelta(hours=12, minutes=1)):
            assert assurance(client) == -1


class TestPersona:
    @pytest.fixture
    def persona(self, org: Organisation, settings: Any) -> Client:
        settings.DEMO_MODE = True
        assert org.requester.user is not None
        client = Client()
        client.post("/accounts/persona/", {"persona": org.requester.user.username})
        return client

    def test_stands_for_two_factors(self, persona: Client) -> None:
        assert assurance(persona) == 2

    def test_stands_for_nothing_outside_the_demonstration(self, persona: Client, settings: Any) -> None:
        settings.DEMO_MODE = False
        assert assurance(persona) == 0
        assert persona.get(ADD_APP).status_code == 403

    def test_stands_for_one_once_there_is_a_second_factor(self, persona: Client) -> None:
        found = persona.get(ADD_APP).context["form"].secret
        persona.post(ADD_APP, {"code": authenticator.code(found)})
        assert assurance(persona) == 1
        persona.post(CODE, {"code": authenticator.next_code(found)})
        assert assurance(persona) == 2


class TestTheOwner:
    """Whoever gets into somebody's account does not change it in silence."""

    def told(self, org: Organisation) -> list[str]:
        found = Notification.objects.filter(recipient=org.requester, topic=Topic.SECURITY).order_by("created_at")
        return list(found.values_list("title", flat=True))

    def test_is_told_of_each_change(self, client: Client, org: Organisation, key: str) -> None:
        client.post("/accounts/security/recovery-codes/renew/")
        client.post("/accounts/security/app/remove/")
        new = {"oldpassword": PHRASE, "password1": "another long phrase", "password2": "another long phrase"}
        client.post("/accounts/password/change/", new)
        assert self.told(org) == [
            "An authenticator app was added to your account",
            "Your recovery codes were made anew",
            "An authenticator app was removed from your account",
            "Your password was changed",
        ]

    def test_is_told_of_a_recovery_code_that_was_used(
        self, client: Client, org: Organisation, user: User, key: str
    ) -> None:
        code = client.get("/accounts/security/recovery-codes/").context["unused_codes"][0]
        visitor = Client()
        sign_in(visitor, user)
        visitor.post(SECOND, {"code": code})
        assert self.told(org)[-1] == "One of your recovery codes was used"

    def test_is_told_of_a_password_that_was_reset(self, org: Organisation, user: User, mailoutbox: Any) -> None:
        reset_password(user, mailoutbox)
        assert self.told(org) == ["Your password was reset"]

    def test_is_led_to_what_they_sign_in_with(self, client: Client, org: Organisation, key: str) -> None:
        said = Notification.objects.get(recipient=org.requester, topic=Topic.SECURITY)
        assert client.get(reverse("notification-open", args=[said.pk]))["Location"] == "/accounts/security/"

    def test_is_not_told_of_what_did_not_come_about(self, client: Client, org: Organisation) -> None:
        confirm(client)
        found = client.get(ADD_APP).context["form"].secret
        client.post(ADD_APP, {"code": authenticator.wrong_code(found)})
        assert self.told(org) == []


class TestConfirmation:
    def test_is_not_to_be_had_without_any_way_to_confirm(self, org: Organisation, visit: Visit) -> None:
        assert visit(org.requester).get(ADD_APP).status_code == 403

    def test_is_old_after_five_minutes(self, client: Client, user: User) -> None:
        enter(client, user, ("password", ""), ago=301)
        session = client.session
        session["account_authentication_methods"][0]["reauthenticated"] = True
        session.save()
        assert client.get(ADD_APP).status_code == 302


class TestPages:
    def test_of_security_says_what_there_is(self, client: Client, key: str) -> None:
        text = client.get("/accounts/security/").content.decode()
        for words in ("Authenticator app", "No passkey is registered.", "10 of your codes are left", "this session"):
            assert words in text

    def test_of_somebody_else_has_nothing_of_mine(self, user: User, key: str, org: Organisation, visit: Visit) -> None:
        text = visit(org.manager).get(reverse("mfa_index")).content.decode()
        assert "No app is set up." in text


class TestPasswordPage:
    def test_says_what_is_wanted_before_it_is_typed(self, client: Client, org: Organisation, settings: Any) -> None:
        (length,) = (one["OPTIONS"]["min_length"] for one in settings.AUTH_PASSWORD_VALIDATORS if "OPTIONS" in one)
        assert f"At least {length} characters" in WANTED
        settings.DEMO_MODE = True
        assert org.manager.user is not None
        persona = Client()
        persona.post("/accounts/persona/", {"persona": org.manager.user.username})
        for visitor, page in ((client, "change"), (persona, "set")):
            text = visitor.get(f"/accounts/password/{page}/").content.decode()
            assert WANTED in text
            assert "placeholder" not in text.split("<main")[1]


class TestStepUpPage:
    def test_leads_nowhere_outside_the_portal(self, client: Client, key: str) -> None:
        response = client.get("/accounts/confirm/?next=https://elsewhere.example/")
        assert "elsewhere" not in response["Location"]

    def test_tells_who_has_no_second_factor_to_set_one_up(self, client: Client) -> None:
        text = client.get("/accounts/confirm/?next=/grants/").content.decode()
        assert "A second factor is needed" in text
        assert ADD_APP in text
