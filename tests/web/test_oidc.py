"""Single sign-on, at a real provider on loopback."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import jwt
import pytest
import requests
import time_machine
from allauth.core import context
from allauth.mfa.totp.internal.auth import TOTP
from allauth.socialaccount.internal import jwtkit
from allauth.socialaccount.models import SocialAccount
from cryptography.hazmat.primitives.asymmetric import rsa
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from governance.access.models import Account
from governance.audit.models import AuditEvent
from governance.core.actor import Role
from governance.core.locking import locked_all, unit_of_work
from governance.core.moves import move
from governance.identities.models import Identity
from governance.identities.states import Status
from governance.notifications.models import Notification
from governance.users.models import User
from governance.web.accounts.oidc import Claims, claims_of, match
from tests import builders
from tests.harness import providers
from tests.harness.providers import Person, Provider

LOGIN = "/accounts/sso/login/"
ADD_APP = "/accounts/security/app/add/"
KEY = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
PEOPLE = (
    Person("ada", "E-100", "ada@example.com", ("portal-admins", "everyone")),
    Person("bob", "E-200", "bob@example.com", ("everyone",)),
    Person("mallory", "E-666", "ada@example.com"),
)


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with providers.running(PEOPLE, ["http://testserver/accounts/sso/callback/"]) as running:
        yield running


@pytest.fixture(autouse=True)
def configured(provider: Provider, settings: Any) -> None:
    cache.clear()
    configured = settings.SOCIALACCOUNT_PROVIDERS["openid_connect"]
    settings.SOCIALACCOUNT_PROVIDERS = {"openid_connect": {**configured, "APPS": provider.apps()}}
    settings.OIDC_SOURCES = ["hr"]
    settings.OIDC_EXTERNAL_KEY_CLAIM = "preferred_username"


@pytest.fixture
def ada(db: None) -> Identity:
    return builders.person("Ada", external_key="E-100")


def come(provider: Provider, name: str, client: Client | None = None, there: str = LOGIN, **browser: Any) -> Any:
    """Somebody goes to the provider, signs in there, and comes back. The last answer of the portal."""
    client = client or Client()
    question = client.get(there)["Location"]
    return client.get(provider.answer(question, name, **browser))


def actor(response: Any) -> Any:
    return response.client.get("/").wsgi_request.actor


def actions(subject: User) -> list[str]:
    return list(AuditEvent.objects.filter(subject_id=subject.pk).order_by("sequence").values_list("action", flat=True))


@unit_of_work()
def leave(identity: Identity) -> None:
    (held,) = locked_all(Identity.objects.filter(pk=identity.pk))
    move(held, Status.SUSPENDED, actor=builders.BUILDER, why="Away", now=timezone.now())


class TestFirstSignIn:
    def test_links_the_one_person_of_a_configured_source(self, provider: Provider, ada: Identity) -> None:
        found = actor(come(provider, "ada"))
        assert (found.identity_id, found.assurance) == (ada.pk, 1)
        assert ada.user is not None
        assert actions(ada.user) == ["user.linked", "user.signed_in"]
        assert "ada@example.com" not in str(SocialAccount.objects.get().extra_data)
        assert Notification.objects.get(recipient=ada).title == "Your account was linked to single sign-on"

    def test_opens_an_account_for_a_person_who_has_none(self, provider: Provider, settings: Any, db: None) -> None:
        lone = builders.person("Lone", external_key="E-200", user=None, email="lone@example.org")
        portal = builders.system(lone, key="portal")
        assert actor(come(provider, "bob")).identity_id == lone.pk
        user = Identity.objects.get(pk=lone.pk).user
        assert user is not None
        assert not user.has_usable_password()
        assert Account.objects.get(system=portal).native_id == str(user.pk)

    def test_makes_nobody_out_of_nothing(self, provider: Provider, ada: Identity) -> None:
        before = (User.objects.count(), Identity.objects.count())
        response = come(provider, "bob")
        assert response.status_code == 403
        assert "Nobody here is you" in response.content.decode()
        assert (User.objects.count(), Identity.objects.count()) == before
        assert AuditEvent.objects.filter(action="sign_in.refused").count() == 1
        assert response.client.get("/").status_code == 302

    def test_matches_nobody_of_another_source(self, provider: Provider, ada: Identity, settings: Any) -> None:
        settings.OIDC_SOURCES = ["payroll"]
        assert come(provider, "ada").status_code == 403

    def test_matches_nobody_by_an_address_that_is_not_verified(
        self, provider: Provider, settings: Any, db: None
    ) -> None:
        settings.OIDC_EXTERNAL_KEY_CLAIM = ""
        builders.person("Ada", email="ada@example.com")
        assert come(provider, "mallory").status_code == 403

    def test_does_not_take_a_person_over_who_is_linked_to_somebody_else(
        self, provider: Provider, ada: Identity, settings: Any
    ) -> None:
        come(provider, "ada")
        SocialAccount.objects.update(uid="somebody else")
        assert come(provider, "ada").status_code == 403


class TestLaterSignIn:
    def test_goes_by_the_subject_alone(self, provider: Provider, ada: Identity, settings: Any) -> None:
        come(provider, "ada")
        settings.OIDC_SOURCES = []
        assert actor(come(provider, "ada")).identity_id == ada.pk

    def test_is_nobodys_who_is_not_active_any_more(self, provider: Provider, ada: Identity) -> None:
        come(provider, "ada")
        leave(ada)
        response = come(provider, "ada")
        assert response.status_code == 403
        assert "Nobody here is you" in response.content.decode()

    def test_is_nobodys_whose_sign_in_was_closed(self, provider: Provider, ada: Identity) -> None:
        come(provider, "ada")
        User.objects.update(is_active=False)
        assert come(provider, "ada").client.get("/").status_code == 302


class TestAnswer:
    def test_to_another_question_is_refused(self, provider: Provider, ada: Identity) -> None:
        client = Client()
        answer = provider.answer(client.get(LOGIN)["Location"], "ada")
        session = client.session
        session["asked_of_provider"] = "another"
        session.save()
        assert "did not come about" in client.get(answer).content.decode()
        assert client.get("/").status_code == 302

    def test_in_another_browser_is_refused(self, provider: Provider, ada: Identity) -> None:
        answer = provider.answer(Client().get(LOGIN)["Location"], "ada")
        assert Client().get(answer).status_code == 403

    def test_signed_with_another_key_is_refused(
        self, provider: Provider, ada: Identity, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        other = rsa.generate_private_key(65537, 2048).public_key()
        monkeypatch.setattr(jwtkit, "fetch_key", lambda token, *_: (jwt.get_unverified_header(token)["alg"], other))
        assert come(provider, "ada").status_code == 403

    def test_of_a_provider_that_is_away_is_said_to_be_missing(self, settings: Any, db: None) -> None:
        settings.SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"APPS": Provider("http://localhost:9").apps()}}
        response = Client().get(LOGIN)
        assert response.status_code == 502
        assert "does not answer" in response.content.decode()

    def test_leads_nowhere_outside_the_portal(self, provider: Provider, ada: Identity) -> None:
        assert come(provider, "ada", there=f"{LOGIN}?next=https://elsewhere.example/")["Location"] == "/"
        assert come(provider, "ada", there=f"{LOGIN}?next=/grants/")["Location"] == "/grants/"


class TestRoles:
    @pytest.fixture(autouse=True)
    def demanded(self, settings: Any) -> None:
        settings.OIDC_ROLES = {"administrator": "portal-admins"}

    def test_count_where_they_are_leased_and_claimed(self, provider: Provider, ada: Identity) -> None:
        builders.portal_role(ada, Role.ADMINISTRATOR)
        assert actor(come(provider, "ada")).roles == {Role.ADMINISTRATOR}

    def test_never_come_of_a_claim_alone(self, provider: Provider, ada: Identity) -> None:
        assert actor(come(provider, "ada")).roles == frozenset()

    def test_do_not_count_without_the_claim(self, provider: Provider, db: None) -> None:
        bob = builders.person("Bob", external_key="E-200")
        builders.portal_role(bob, Role.ADMINISTRATOR)
        assert actor(come(provider, "bob")).roles == frozenset()

    def test_do_not_count_in_a_session_that_the_provider_knows_nothing_of(self, ada: Identity, visit: Any) -> None:
        builders.portal_role(ada, Role.ADMINISTRATOR)
        assert visit(ada).get("/").wsgi_request.actor.roles == frozenset()

    def test_that_no_claim_is_demanded_for_count_anyway(self, provider: Provider, db: None) -> None:
        bob = builders.person("Bob", external_key="E-200")
        builders.portal_role(bob, Role.AUDITOR)
        assert actor(come(provider, "bob")).roles == {Role.AUDITOR}


class TestConfirmation:
    def test_is_given_at_the_provider_by_whoever_has_no_other_way(self, provider: Provider, ada: Identity) -> None:
        client = come(provider, "ada").client
        asked = client.get(ADD_APP)["Location"]
        assert asked.startswith("/accounts/confirm/provider/?next=")
        assert come(provider, "ada", client, asked)["Location"] == ADD_APP
        assert client.get(ADD_APP).status_code == 200
        assert ada.user is not None
        assert actions(ada.user)[-1] == "user.confirmed"

    def test_is_not_given_by_somebody_else(self, provider: Provider, ada: Identity) -> None:
        builders.person("Bob", external_key="E-200")
        client = come(provider, "ada").client
        assert come(provider, "bob", client, "/accounts/confirm/provider/").status_code == 403
        assert client.get(ADD_APP).status_code == 302
        assert client.get("/").wsgi_request.actor.identity_id == ada.pk

    def test_is_not_given_by_a_sign_in_of_long_ago(self, provider: Provider, ada: Identity) -> None:
        browser = requests.Session()
        client = come(provider, "ada", browser=browser).client
        with time_machine.travel(timezone.now() + timedelta(minutes=6)):
            response = come(provider, "ada", client, browser=browser)
            assert "did not ask you to sign in again" in response.content.decode()
            assert client.get(ADD_APP).status_code == 302

    def test_is_not_given_there_by_who_has_a_second_factor_here(
        self, provider: Provider, ada: Identity, rf: Any
    ) -> None:
        client = come(provider, "ada").client
        assert ada.user is not None
        with context.request_context(rf.get("/")):
            TOTP.activate(ada.user, KEY)
        answer = come(provider, "ada", client, "/accounts/confirm/provider/?next=/grants/")
        assert answer["Location"] == "/accounts/confirm/?next=%2Fgrants%2F"
        assert client.get("/accounts/security/app/remove/")["Location"].startswith("/accounts/confirm/code/")
        assert "provider" not in client.get("/accounts/confirm/code/").content.decode()

    def test_counts_from_the_sign_in_at_the_provider_on(self, provider: Provider, ada: Identity) -> None:
        browser, before = requests.Session(), timezone.now()
        client = come(provider, "ada", browser=browser).client
        with time_machine.travel(before + timedelta(minutes=4)):
            assert come(provider, "ada", client, "/accounts/confirm/provider/", browser=browser).status_code == 302
            assert client.get(ADD_APP).status_code == 200
        with time_machine.travel(before + timedelta(minutes=6)):
            assert client.get(ADD_APP).status_code == 302


class TestClaims:
    def test_of_a_clock_that_is_ahead_count_from_now(self) -> None:
        said = {"iss": "https://id.example", "sub": "1", "auth_time": time.time() + 3600}
        at = claims_of(said, said).signed_in_at
        assert at is not None
        assert at <= timezone.now()


class TestMatch:
    @pytest.fixture(autouse=True)
    def by_address(self, settings: Any, db: None) -> None:
        settings.OIDC_EXTERNAL_KEY_CLAIM = ""

    def claims(self, **said: Any) -> Claims:
        proven = {"iss": "https://id.example", "sub": "1", **said}
        return claims_of(proven, proven)

    def test_goes_by_a_verified_address_in_any_case_of_letters(self) -> None:
        ada = builders.person("Ada", email="Ada@Example.com")
        now = timezone.now()
        assert match(self.claims(email="ada@example.com", email_verified=True), now) == ada
        assert match(self.claims(email="ada@example.com", email_verified="true"), now) is None
        assert match(self.claims(email="ada@example.com"), now) is None
        assert match(self.claims(), now) is None

    @pytest.mark.parametrize("written", ["m\u0131ke@example.com", "mi\u212ae@example.com"])
    def test_takes_no_letter_for_another(self, written: str) -> None:
        builders.person("Mike", email="mike@example.com")
        assert match(self.claims(email=written, email_verified=True), timezone.now()) is None

    def test_finds_nobody_where_it_finds_two(self) -> None:
        for _ in range(2):
            builders.person("Twin", email="twin@example.com")
        assert match(self.claims(email="twin@example.com", email_verified=True), timezone.now()) is None

    def test_finds_no_machine(self) -> None:
        builders.machine(builders.person("Owner"), source="hr", email="svc@example.com")
        assert match(self.claims(email="svc@example.com", email_verified=True), timezone.now()) is None


class TestNoProvider:
    def test_has_no_such_pages(self, settings: Any, db: None) -> None:
        settings.SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"APPS": []}}
        assert Client().get(LOGIN).status_code == 404
        assert Client().get("/accounts/sso/callback/").status_code == 404
        assert "house's sign-in" not in Client().get("/accounts/login/").content.decode()


class TestSignInPage:
    def test_leads_to_the_provider_and_on(self, db: None) -> None:
        text = Client().get("/accounts/login/?next=/grants/").content.decode()
        assert "Sign in with the house&#x27;s sign-in" in text
        assert f"{LOGIN}?next=/grants/" in text
