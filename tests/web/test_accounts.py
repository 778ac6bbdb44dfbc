from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from governance.core.actor import Role
from governance.grants.actors import actor_of
from governance.identities.models import Identity
from governance.identities.states import Status
from governance.users.models import User
from tests import builders
from tests.builders import Organisation
from tests.web.conftest import Visit

PERSONA = "/accounts/persona/"


class TestPersona:
    def test_walks_in_with_one_click_in_demo_mode(self, org: Organisation, settings: Any) -> None:
        settings.DEMO_MODE = True
        client = Client()
        assert org.requester.name in client.get("/accounts/login/").content.decode()
        assert org.requester.user is not None
        response = client.post(PERSONA, {"persona": org.requester.user.username, "next": "/grants/"})
        assert response["Location"] == "/grants/"
        assert client.get("/grants/").status_code == 200

    def test_is_not_led_out_of_the_portal(self, org: Organisation, settings: Any) -> None:
        settings.DEMO_MODE = True
        assert org.requester.user is not None
        sent = {"persona": org.requester.user.username, "next": "https://elsewhere.example/"}
        assert Client().post(PERSONA, sent)["Location"] == "/"

    def test_does_not_exist_otherwise(self, org: Organisation, settings: Any) -> None:
        settings.DEMO_MODE = False
        assert org.requester.user is not None
        client = Client()
        assert client.post(PERSONA, {"persona": org.requester.user.username}).status_code == 404
        assert org.requester.name not in client.get("/accounts/login/").content.decode()

    def test_is_never_somebody_without_an_active_identity(self, org: Organisation, settings: Any) -> None:
        settings.DEMO_MODE = True
        User.objects.create_user("nobody", "nobody@example.com", None, name="Nobody")
        assert Client().post(PERSONA, {"persona": "nobody"}).status_code == 404
        assert Client().post(PERSONA, {"persona": "\0"}).status_code == 404

    def test_needs_a_post_with_a_token(self, org: Organisation, settings: Any) -> None:
        settings.DEMO_MODE = True
        assert org.requester.user is not None
        assert Client().get(PERSONA).status_code == 405
        strict = Client(enforce_csrf_checks=True)
        assert strict.post(PERSONA, {"persona": org.requester.user.username}).status_code == 403


class TestPassword:
    def test_signs_in_at_the_first_assurance_level(self, org: Organisation) -> None:
        user = org.requester.user
        assert user is not None
        user.set_password("a long enough phrase")
        user.save()
        client = Client()
        client.post("/accounts/login/", {"login": user.username, "password": "a long enough phrase"})
        request: Any = client.get("/").wsgi_request
        assert request.actor.assurance == 1

    def test_has_to_be_right(self, org: Organisation) -> None:
        assert org.requester.user is not None
        sent = {"login": org.requester.user.username, "password": "a wrong phrase"}
        assert Client().post("/accounts/login/", sent).status_code == 200

    def test_that_is_wrong_is_answered_in_a_short_sentence(self, org: Organisation) -> None:
        assert org.requester.user is not None
        sent = {"login": org.requester.user.username, "password": "a wrong phrase"}
        assert "Username or password is wrong. Try again." in Client().post("/accounts/login/", sent).content.decode()
        assert "Fill this in." in Client().post("/accounts/login/", {}).content.decode()


class TestCache:
    """No browser or proxy keeps what may hold a token or say that one no longer works."""

    @pytest.mark.parametrize(
        "path", ["", "done/", "key/1-bad/", "key/1-set-password/", "key/done/"], ids=lambda path: path or "reset"
    )
    def test_keeps_no_page_of_a_password_reset(self, db: None, path: str) -> None:
        assert "no-store" in Client().get(f"/accounts/password/reset/{path}")["Cache-Control"]

    @pytest.mark.parametrize("path", ["/nowhere", "/accounts/password/reset/key/nonsense"])
    def test_keeps_no_refusal(self, db: None, path: str) -> None:
        response = Client().get(path)
        assert response.status_code == 404
        assert "no-store" in response["Cache-Control"]

    def test_keeps_no_refusal_of_a_form(self, db: None) -> None:
        response = Client(enforce_csrf_checks=True).post("/accounts/password/reset/", {"email": "a@example.com"})
        assert response.status_code == 403
        assert "no-store" in response["Cache-Control"]


class TestActor:
    def test_holds_the_roles_of_usable_grants_alone(self, org: Organisation) -> None:
        grant = builders.portal_role(org.requester, Role.AUDITOR)
        user = org.requester.user_id
        assert user is not None
        now = actor_of(user, 1, timezone.now())
        later = actor_of(user, 1, grant.ends_at)
        assert now is not None
        assert later is not None
        assert now.roles == {Role.AUDITOR}
        assert later.roles == frozenset()

    def test_is_all_identities_of_the_same_human(self, org: Organisation) -> None:
        assert org.requester.user_id is not None
        other = builders.person("Same human", human=org.requester.human, user=None)
        actor = actor_of(org.requester.user_id, 1, timezone.now())
        assert actor is not None
        assert actor.identity_ids == {org.requester.pk, other.pk}


class TestNoIdentity:
    @pytest.fixture
    def orphan(self, db: None) -> User:
        return User.objects.create_user("nobody", "nobody@example.com", None, name="Nobody")

    @pytest.mark.parametrize("path", ["/", "/requests/new/", "/grants/", "/events/", "/accounts/password/change/"])
    def test_sees_why_and_nothing_else(self, orphan: User, path: str) -> None:
        client = Client()
        client.force_login(orphan, backend="allauth.account.auth_backends.AuthenticationBackend")
        response = client.get(path)
        assert response.status_code == 403
        assert "You have no active identity" in response.content.decode()

    def test_can_sign_out(self, orphan: User) -> None:
        client = Client()
        client.force_login(orphan, backend="allauth.account.auth_backends.AuthenticationBackend")
        assert client.post("/accounts/logout/").status_code == 302
        assert client.get("/").status_code == 302

    def test_is_what_is_left_once_an_identity_is_not_active(self, org: Organisation, visit: Visit) -> None:
        ended = builders.person("Leaver", state=Status.SUSPENDED)
        assert isinstance(ended, Identity)
        assert visit(ended).get("/").status_code == 403
