from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection
from django.utils import timezone

from governance.audit.models import AuditEvent
from governance.core.actor import Actor, Role
from governance.core.errors import Conflict, Denied, Invalid, NotFound
from governance.grants.actors import machine_actor
from governance.identities import actions
from governance.identities.models import Identity
from governance.lifecycle.actions import end_identity
from governance.users.models import ApiToken
from governance.users.queries import token_of
from tests import builders
from tests.builders import Organisation
from tests.rules.sql import run

pytestmark = pytest.mark.django_db
LONGEST = timedelta(days=90)


@pytest.fixture
def org() -> Organisation:
    return Organisation()


def make(maker: Actor, holder: Identity, **changes: Any) -> tuple[ApiToken, str]:
    now = timezone.now()
    asked: dict[str, Any] = {"name": "Nightly job", "scopes": ["read"], "ends_at": now + timedelta(days=7)}
    return actions.make_token(holder_id=holder.pk, longest=LONGEST, actor=maker, now=now, **{**asked, **changes})


def own(person: Identity, **changes: Any) -> tuple[ApiToken, str]:
    return make(builders.actor(person), person, **changes)


class TestMakeToken:
    def test_keeps_nothing_that_the_secret_could_be_told_from(self, org: Organisation) -> None:
        token, secret = own(org.requester)
        with connection.cursor() as cursor:
            cursor.execute("SELECT row_to_json(t)::text FROM users_apitoken t")
            row = cursor.fetchone()[0]
            cursor.execute("SELECT string_agg(line, ' ') FROM audit_body")
            log = cursor.fetchone()[0]
        hidden = secret.split("_", 2)[2]
        assert hidden not in row
        assert hidden not in log
        assert token.prefix in row

    def test_leaves_an_event_that_says_whose_and_until_when(self, org: Organisation) -> None:
        token, _ = own(org.requester, scopes=["read", "request"])
        event = AuditEvent.objects.get(subject_id=token.pk)
        assert event.action == "api_token.active"
        assert event.content is not None
        assert event.content["actor"]["id"] == str(org.requester.pk)
        assert event.content["facts"]["scopes"] == ["read", "request"]
        assert event.content["facts"]["ends_at"]

    def test_makes_one_for_a_machine_identity_of_its_owner(self, org: Organisation) -> None:
        machine = builders.machine(org.requester)
        token, secret = make(builders.actor(org.requester), machine)
        assert (token.identity_id, token.user_id) == (machine.pk, None)
        assert token_of(secret, timezone.now()) == token

    def test_makes_none_for_what_others_own_or_for_other_people(self, org: Organisation) -> None:
        machine = builders.machine(org.owner)
        for holder in (machine, org.manager):
            with pytest.raises(NotFound):
                make(builders.actor(org.requester), holder)

    def test_makes_none_at_the_word_of_a_machine(self, org: Organisation) -> None:
        machine = builders.machine(org.owner)
        actor = machine_actor(machine.pk, 1, timezone.now())
        assert actor is not None
        with pytest.raises(Denied):
            make(actor, machine)

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"name": "  "}, "name"),
            ({"scopes": []}, "scopes"),
            ({"scopes": ["everything"]}, "scopes"),
            ({"ends_at": datetime.fromisoformat("2020-01-01T00:00:00+00:00")}, "ends_at"),
            ({"ends_at": datetime.fromisoformat("2090-01-01T00:00:00+00:00")}, "ends_at"),
        ],
    )
    def test_refuses_what_is_wrong_beside_its_field(
        self, org: Organisation, changes: dict[str, Any], field: str
    ) -> None:
        with pytest.raises(Invalid) as refusal:
            own(org.requester, **changes)
        assert list(refusal.value.fields) == [field]

    def test_refuses_an_end_after_that_of_its_holder(self, org: Organisation) -> None:
        machine = builders.machine(org.requester, ends_at=timezone.now() + timedelta(days=2))
        with pytest.raises(Invalid, match="no later"):
            make(builders.actor(org.requester), machine)

    @pytest.mark.parametrize("sql", ["DELETE FROM users_apitoken", "TRUNCATE users_apitoken CASCADE"])
    def test_makes_what_the_database_never_deletes(self, org: Organisation, sql: str) -> None:
        own(org.requester)
        with pytest.raises(IntegrityError, match="rule 18"):
            run(sql)


class TestTokenOf:
    def test_finds_nobody_by_another_secret_with_the_same_prefix(self, org: Organisation) -> None:
        token, secret = own(org.requester)
        other = secret[:-1] + ("A" if secret[-1] != "A" else "B")
        assert token_of(secret, timezone.now()) == token
        assert token_of(other, timezone.now()) is None
        assert token_of(secret + "x", timezone.now()) is None

    def test_ends_to_the_moment(self, org: Organisation) -> None:
        token, secret = own(org.requester)
        assert token_of(secret, token.ends_at - timedelta(microseconds=1)) == token
        assert token_of(secret, token.ends_at) is None


class TestRevokeToken:
    def test_ends_it_at_once_and_only_once(self, org: Organisation) -> None:
        token, secret = own(org.requester)
        actor, now = builders.actor(org.requester), timezone.now()
        actions.revoke_token(token_id=token.pk, actor=actor, now=now)
        assert token_of(secret, now) is None
        with pytest.raises(Conflict):
            actions.revoke_token(token_id=token.pk, actor=actor, now=now)
        assert AuditEvent.objects.filter(action="api_token.revoked", subject_id=token.pk).count() == 1

    def test_is_for_its_holder_and_for_security_and_nobody_else(self, org: Organisation) -> None:
        token, _ = own(org.requester)
        now = timezone.now()
        with pytest.raises(NotFound):
            actions.revoke_token(token_id=token.pk, actor=builders.actor(org.stranger), now=now)
        with pytest.raises(Denied):
            actions.revoke_token(token_id=token.pk, actor=builders.actor(org.stranger, Role.AUDITOR), now=now)
        actions.revoke_token(token_id=token.pk, actor=builders.actor(org.stranger, Role.SECURITY), now=now)


class TestLeaver:
    def test_loses_every_token_in_the_same_transaction(self, org: Organisation) -> None:
        machine = builders.machine(org.owner, backup=org.backup)
        tokens = [own(org.requester)[0], own(org.requester, name="Other")[0]]
        kept, _ = make(builders.actor(org.owner), machine)
        security = builders.actor(org.stranger, Role.SECURITY)
        end_identity(identity_id=org.requester.pk, actor=security, reason="Left", now=timezone.now())
        assert {ApiToken.objects.get(pk=token.pk).state for token in tokens} == {"revoked"}
        assert AuditEvent.objects.filter(action="api_token.revoked").count() == 2
        assert ApiToken.objects.get(pk=kept.pk).state == "active"

    def test_that_is_a_machine_loses_its_own(self, org: Organisation) -> None:
        machine = builders.machine(org.owner)
        token, secret = make(builders.actor(org.owner), machine)
        security = builders.actor(org.stranger, Role.SECURITY)
        end_identity(identity_id=machine.pk, actor=security, reason="Retired", now=timezone.now())
        assert ApiToken.objects.get(pk=token.pk).state == "revoked"
        assert token_of(secret, timezone.now()) is None
