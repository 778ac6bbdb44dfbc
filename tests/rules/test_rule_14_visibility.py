"""Rule 14. Auditors see everything and change nothing; everyone else sees what role and relations let them."""

from __future__ import annotations

import pytest
from django.utils import timezone

from governance.approvals import permissions as approvals
from governance.approvals.models import ApprovalStep
from governance.audit import permissions as audit
from governance.audit.models import AuditEvent
from governance.core.actor import Actor, Role
from governance.core.errors import Denied, NotFound
from governance.grants import actions as grants
from governance.grants import permissions as grant_permissions
from governance.grants.models import Grant
from governance.requests import actions as requests
from governance.requests import permissions as request_permissions
from governance.requests.models import AccessRequest
from tests import builders
from tests.builders import Organisation
from tests.leases import backed


@pytest.fixture
def org(db: None) -> Organisation:
    return Organisation()


@pytest.fixture
def grant(org: Organisation) -> Grant:
    return builders.live_grant(org.submit())


@pytest.fixture
def waiting(org: Organisation) -> AccessRequest:
    other = builders.entitlement(org.system, org.owner)
    return org.submit(entitlement_ids=(other.pk,), purpose_id=builders.purpose(org.owner, other).pk)


@pytest.fixture
def auditor(org: Organisation) -> Actor:
    return builders.actor(org.stranger, Role.AUDITOR)


class TestAuditor:
    def test_sees_everything(self, grant: Grant, waiting: AccessRequest, auditor: Actor) -> None:
        now = timezone.now()
        assert grant in grant_permissions.visible(auditor, now)
        assert set(request_permissions.visible(auditor, now)) == set(AccessRequest.objects.all())
        assert set(approvals.visible(auditor)) == set(ApprovalStep.objects.all())
        assert audit.visible(auditor).count() == AuditEvent.objects.count()

    def test_ends_no_grant(self, grant: Grant, auditor: Actor) -> None:
        with pytest.raises(Denied):
            grants.revoke(grant_id=grant.pk, actor=auditor, reason="As auditor", now=timezone.now())
        with pytest.raises(Denied):
            grants.hand_back(grant_id=grant.pk, actor=auditor, reason="As auditor", now=timezone.now())

    def test_withdraws_no_request(self, waiting: AccessRequest, auditor: Actor) -> None:
        with pytest.raises(Denied):
            requests.withdraw(request_id=waiting.pk, actor=auditor, reason="As auditor", now=timezone.now())

    def test_decides_nothing(self, waiting: AccessRequest, auditor: Actor) -> None:
        step = ApprovalStep.objects.get(pk=builders.step_ids(waiting)[0])
        assert not approvals.can(auditor, "approve", step, timezone.now())

    def test_redacts_nothing(self, auditor: Actor, grant: Grant) -> None:
        event = AuditEvent.objects.order_by("sequence")[0]
        with pytest.raises(Denied):
            audit.found(auditor, "redact", event.id)


class TestStranger:
    def test_sees_nothing(self, org: Organisation, grant: Grant, waiting: AccessRequest) -> None:
        stranger, now = builders.actor(org.stranger), timezone.now()
        assert not grant_permissions.visible(stranger, now).exists()
        assert not request_permissions.visible(stranger, now).exists()
        assert not approvals.visible(stranger).exists()
        assert not audit.visible(stranger).exists()

    def test_can_not_tell_what_is_there_from_what_is_not(self, org: Organisation, grant: Grant) -> None:
        with pytest.raises(NotFound):
            grants.revoke(grant_id=grant.pk, actor=builders.actor(org.stranger), reason="Mine", now=timezone.now())


class TestEverybodyElse:
    def test_sees_a_grant_by_holding_managing_or_owning(self, org: Organisation, grant: Grant) -> None:
        now = timezone.now()
        for person in (org.requester, org.manager, org.owner):
            assert grant in grant_permissions.visible(builders.actor(person), now)

    @pytest.mark.parametrize("few", [0, 5_000])
    def test_is_listed_what_they_see_however_much_it_is(
        self, org: Organisation, grant: Grant, few: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(grant_permissions, "FEW", few)
        now = timezone.now()
        owners = [builders.person() for _ in range(4)]
        for thing, owner in zip((grant.purpose, grant.entitlement, org.system, grant.identity), owners, strict=True):
            backed(thing, owner)
        for person in (org.requester, org.manager, org.owner, *owners):
            assert list(grant_permissions.listed(builders.actor(person), now)) == [grant]
        assert not grant_permissions.listed(builders.actor(org.stranger), now).exists()
        assert list(grant_permissions.listed(builders.actor(org.stranger, Role.AUDITOR), now)) == [grant]

    def test_sees_a_request_by_asking_or_being_asked(self, org: Organisation, waiting: AccessRequest) -> None:
        now = timezone.now()
        seen = {
            person.name: waiting in request_permissions.visible(builders.actor(person), now)
            for person in (org.requester, org.manager, org.owner)
        }
        assert seen == {"Requester": True, "Manager": True, "Owner": False}
