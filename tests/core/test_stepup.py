"""Each sensitive act, asked for by sessions that are too weak, too old, and strong enough."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from governance.approvals.actions import decide, delegate
from governance.approvals.delegating import Terms
from governance.approvals.models import Decision
from governance.approvals.states import Verdict
from governance.audit.actions import redact
from governance.audit.models import AuditEvent
from governance.break_glass.actions import take
from governance.break_glass.rules import Draft as Taken
from governance.catalog.states import Risk
from governance.core.actor import Actor, ActorKind, Role
from governance.core.stepup import FRESH, Sensitive, StepUpRequired, stands
from governance.grants.actions import hand_back, revoke
from governance.identities.actions import make_token
from governance.identities.models import Identity
from governance.lifecycle.actions import end_identity
from governance.separation import actions as separation
from tests import apart
from tests.builders import Organisation, actor, entitlement, live_grant, person, purpose, rule, step_ids

pytestmark = pytest.mark.django_db

NOW = timezone.now()
LATELY = NOW - FRESH
TOO_WEAK = {"assurance": 1, "proven_at": NOW}
TOO_OLD = {"assurance": 2, "proven_at": LATELY - timedelta(seconds=1)}
NOBODY_KNOWS_WHEN = {"assurance": 2, "proven_at": None}
SESSIONS = {"one factor": TOO_WEAK, "an old one": TOO_OLD, "one of no time": NOBODY_KNOWS_WHEN}

Act = Callable[..., Any]


@pytest.fixture
def org() -> Organisation:
    return Organisation()


def high_risk_step(org: Organisation) -> Any:
    high = entitlement(org.system, org.owner, risk=Risk.CRITICAL)
    why = purpose(org.owner, high)
    return step_ids(org.submit(entitlement_ids=(high.pk,), purpose_id=why.pk))[0]


def approving(org: Organisation, verdict: Verdict = Verdict.APPROVE) -> Act:
    step = high_risk_step(org)
    return lambda session: decide(
        step_id=step, verdict=verdict, reason="Fits.", actor=actor(org.manager, **session), now=timezone.now()
    )


def revoking(org: Organisation) -> Act:
    grant = live_grant(org.submit())
    return lambda session: revoke(grant_id=grant.pk, reason="Over", actor=actor(org.owner, **session), now=NOW)


def redacting(org: Organisation) -> Act:
    event = AuditEvent.objects.earliest("sequence")
    watch = person("Watch")
    return lambda session: redact(
        event_id=event.id, actor=actor(watch, Role.SECURITY, **session), reason="A name", now=timezone.now()
    )


def ending(org: Organisation) -> Act:
    watch = person("Watch")
    return lambda session: end_identity(
        identity_id=org.requester.pk, actor=actor(watch, Role.SECURITY, **session), reason="Left", now=timezone.now()
    )


def making_a_token(org: Organisation) -> Act:
    return lambda session: make_token(
        holder_id=org.requester.pk, name="Nightly job", scopes=["read"], ends_at=NOW + timedelta(days=1),
        longest=timedelta(days=90), actor=actor(org.requester, **session), now=timezone.now(),
    )  # fmt: skip


def delegating(org: Organisation) -> Act:
    now = timezone.now() + timedelta(minutes=1)
    terms = Terms("", "On holiday.", now, now + timedelta(days=7))
    return lambda session: delegate(
        delegate_id=org.owner.pk, terms=terms, actor=actor(org.manager, **session), now=timezone.now()
    )


def mitigating(org: Organisation) -> Act:
    rule = apart.kept_apart(org.entitlement, entitlement(org.system, org.owner), owner=org.owner)
    asked = apart.proposed(rule, org.requester, org.manager)
    return lambda session: separation.approve_mitigation(
        mitigation_id=asked.pk, actor=actor(org.owner, **session), reason="For a month", now=timezone.now()
    )


def breaking_the_glass(org: Organisation) -> Act:
    emergency = purpose(org.owner, org.entitlement, emergency=True)
    rule(condition="request.break_glass", break_glass_seconds=3600)
    words: dict[str, Any] = {"incident": "INC-1", "justification": "Payments are stuck.", "form_token": uuid4()}
    wish = Taken(entitlement_id=org.entitlement.pk, purpose_id=emergency.pk, term=timedelta(hours=1), **words)
    return lambda session: take(draft=wish, actor=actor(org.requester, **session), now=timezone.now())


ACTS: Mapping[Sensitive, Callable[[Organisation], Act]] = {
    Sensitive.APPROVE_SENSITIVE: approving,
    Sensitive.REVOKE_GRANT: revoking,
    Sensitive.APPROVE_MITIGATION: mitigating,
    Sensitive.REDACT_EVENT: redacting,
    Sensitive.END_IDENTITY: ending,
    Sensitive.MAKE_CREDENTIAL: making_a_token,
    Sensitive.DELEGATE: delegating,
    Sensitive.BREAK_GLASS: breaking_the_glass,
}


class TestSensitive:
    def test_acts_are_all_tried_here(self) -> None:
        assert ACTS.keys() == set(Sensitive)

    @pytest.mark.parametrize("session", SESSIONS.values(), ids=SESSIONS.keys())
    @pytest.mark.parametrize("act", Sensitive)
    def test_acts_ask_a_weak_or_old_session_for_more(
        self, org: Organisation, act: Sensitive, session: dict[str, Any]
    ) -> None:
        do = ACTS[act](org)
        before = AuditEvent.objects.count()
        with pytest.raises(StepUpRequired) as refused:
            do(session)
        assert (refused.value.code, refused.value.act) == ("step_up_required", act)
        assert AuditEvent.objects.count() == before

    @pytest.mark.parametrize("act", Sensitive)
    def test_acts_are_done_by_a_strong_and_fresh_session(self, org: Organisation, act: Sensitive) -> None:
        do = ACTS[act](org)
        before = AuditEvent.objects.count()
        do({"assurance": 2, "proven_at": timezone.now()})
        assert AuditEvent.objects.count() > before

    def test_a_yes_by_its_other_name_is_not_asked_for_less(self, org: Organisation) -> None:
        with pytest.raises(StepUpRequired):
            approving(org, Verdict.CONSENT)(TOO_WEAK)
        assert not Decision.objects.exists()

    def test_a_yes_to_what_confers_high_risk_is_not_asked_for_less(self, org: Organisation) -> None:
        apart.confers(org.entitlement, entitlement(org.system, org.owner, risk=Risk.HIGH))
        step = step_ids(org.submit())[0]
        weak = actor(org.manager, assurance=1, proven_at=NOW)
        with pytest.raises(StepUpRequired):
            decide(step_id=step, verdict=Verdict.APPROVE, reason="Fits.", actor=weak, now=timezone.now())
        assert not Decision.objects.exists()

    def test_approval_is_on_record_with_its_level(self, org: Organisation) -> None:
        approving(org)({"assurance": 2, "proven_at": timezone.now()})
        assert Decision.objects.get().assurance == 2


class TestEverythingElse:
    def test_a_no_is_never_asked_for_more(self, org: Organisation) -> None:
        for verdict in (Verdict.RETURN, Verdict.REJECT):
            approving(org, verdict)(TOO_WEAK)

    def test_a_yes_to_a_moderate_risk_is_not(self, org: Organisation) -> None:
        step = step_ids(org.submit())[0]
        weak = actor(org.manager, assurance=1, proven_at=NOW)
        decision = decide(step_id=step, verdict=Verdict.APPROVE, reason="", actor=weak, now=timezone.now())
        assert decision.assurance == 1

    def test_handing_back_is_not(self, org: Organisation) -> None:
        grant = live_grant(org.submit())
        hand_back(grant_id=grant.pk, actor=actor(grant.identity, assurance=0), reason="", now=timezone.now())


class TestStands:
    def test_counts_the_last_second_of_five_minutes(self) -> None:
        at_the_end = Actor(ActorKind.HUMAN, "Ada", assurance=2, proven_at=LATELY)
        assert stands(at_the_end, NOW)
        assert not stands(at_the_end, NOW + timedelta(seconds=1))

    def test_never_holds_of_a_machine_and_always_of_the_portal_itself(self) -> None:
        assert not stands(Actor(ActorKind.MACHINE, "svc-sync"), NOW)
        assert stands(Actor.system("expiry"), NOW)


class TestTheStranger:
    def test_learns_nothing_from_being_asked_for_more(self, org: Organisation) -> None:
        """Who may not do it is told so, whatever their session."""
        step = high_risk_step(org)
        stranger: Identity = org.stranger
        weak = actor(stranger, assurance=1, proven_at=NOW)
        with pytest.raises(Exception, match="There is no such record"):
            decide(step_id=step, verdict=Verdict.APPROVE, reason="Fits.", actor=weak, now=NOW)
