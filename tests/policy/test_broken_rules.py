"""A broken rule tells whoever answers for it, once, by message and by mail."""

from dataclasses import replace
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from governance.core.actor import Actor
from governance.core.locking import unit_of_work
from governance.identities.models import Identity
from governance.identities.states import Status
from governance.notifications import actions as notifications
from governance.notifications.models import Mail, Notification
from governance.policy.models import PolicyRule, PolicyRuleVersion
from governance.policy.moves import record_decision
from governance.policy.rules import RuleData, evaluate
from governance.policy.states import Mode, Phase
from governance.requests.states import ItemState
from tests import builders
from tests.builders import Organisation
from tests.policy.samples import facts, rule
from tests.rules.sql import run

pytestmark = pytest.mark.django_db

BROKEN = rule("POL-77", "identity.gone", deny=True)


@pytest.fixture
def owner() -> Identity:
    one = builders.person("Olga")
    builders.owned(builders.rule("manager", key="POL-77"), one)
    return one


@unit_of_work()
def decided(*rules: RuleData) -> None:
    """A decision that is kept."""
    verdict = evaluate(rules, replace(facts(), now=timezone.now()))
    record_decision(
        verdict, phase=Phase.SUBMISSION, subject_kind="grant", subject_id=uuid4(), actor=Actor.system("test")
    )


def told() -> list[tuple[str, str]]:
    return [(one.recipient.name, one.title) for one in Notification.objects.order_by("created_at", "recipient__name")]


class TestTellBroken:
    def test_says_which_version_is_broken_and_how(self, owner: Identity) -> None:
        decided(BROKEN)
        (one,) = Notification.objects.all()
        assert (one.recipient, one.title) == (owner, "Rule POL-77 is broken")
        assert one.body.startswith(
            "POL-77 version 1: Line 1, column 9: There is no fact or function called identity.gone"
        )
        assert one.body.endswith("Until it is mended it denies everything.")
        assert (one.subject_kind, one.subject_id) == ("policy_rule", PolicyRule.objects.get().pk)

    def test_says_it_once_however_many_decisions_rest_on_it(self, owner: Identity) -> None:
        for _ in range(3):
            decided(BROKEN)
        assert len(told()) == 1

    def test_says_another_defect_and_another_version_anew(self, owner: Identity) -> None:
        decided(BROKEN)
        decided(replace(BROKEN, condition="1 / 0 == 1"))
        of = PolicyRule.objects.get()
        says = {"condition": "true", "outcomes": {"deny": True}, "reason": "Because."}
        builders.keep(PolicyRuleVersion(rule=of, number=2, **says))
        decided(replace(BROKEN, version=2))
        assert len(told()) == 3

    @pytest.mark.parametrize("mode", [Mode.RECORD, Mode.WARN])
    def test_tells_of_rules_that_hold_nothing_up_as_well(self, mode: Mode, owner: Identity) -> None:
        decided(replace(BROKEN, mode=mode))
        (one,) = Notification.objects.all()
        assert one.body.endswith("Until it is mended it says nothing.")

    def test_tells_nobody_of_whole_rules(self, owner: Identity) -> None:
        decided(rule("POL-77", deny=True))
        assert told() == []

    def test_tells_the_backup_and_then_the_governance_team_where_nobody_answers(self) -> None:
        one, backup = builders.person("Olga"), builders.person("Bo")
        builders.team("governance", builders.person("Gwen"), builders.person("Gus"))
        builders.owned(builders.rule("manager", key="POL-77"), one, backup)
        Identity.objects.filter(pk=one.pk).update(state=Status.SUSPENDED)
        decided(BROKEN)
        assert told() == [("Bo", "Rule POL-77 is broken")]
        Identity.objects.filter(pk=backup.pk).update(state=Status.SUSPENDED)
        decided(replace(BROKEN, condition="1 / 0 == 1"))
        assert [name for name, _ in told()] == ["Bo", "Gus", "Gwen"]


class TestMessage:
    @pytest.mark.parametrize("away", [0, 1, 2])
    def test_leads_whoever_is_told_to_the_rule(self, away: int) -> None:
        answering = [builders.person("Olga"), builders.person("Bo"), builders.person("Gwen")]
        builders.team("governance", answering[2])
        of = builders.rule("manager", key="POL-77")
        builders.owned(of, *answering[:2])
        Identity.objects.filter(pk__in=[one.pk for one in answering[:away]]).update(state=Status.SUSPENDED)
        decided(BROKEN)
        one, client = Notification.objects.get(recipient=answering[away]), Client()
        user = answering[away].user
        assert user is not None
        client.force_login(user)
        answer = client.get(f"/notifications/{one.pk}/", follow=True)
        assert answer.redirect_chain[-1][0] == reverse("rule-detail", args=[of.pk])
        assert answer.status_code == 200


class TestFromARequestOn:
    def test_denies_tells_by_mail_and_leads_somewhere(self) -> None:
        company = Organisation()
        builders.owned(company.rule, company.owner)
        run("ALTER TABLE governance_policyruleversion DISABLE TRIGGER published_version_is_kept")
        PolicyRuleVersion.objects.update(outcomes={"alow": True})
        run("ALTER TABLE governance_policyruleversion ENABLE TRIGGER published_version_is_kept")
        asked = company.submit()
        assert asked.items.get().state == ItemState.DENIED
        one = Notification.objects.get(recipient=company.owner, subject_kind="policy_rule")
        assert "Nothing is called alow" in one.body
        assert ".." not in one.body
        notifications.collect(now=timezone.now())
        assert Mail.objects.get(recipient=company.owner).notifications.get() == one
        client = Client()
        assert company.owner.user is not None
        client.force_login(company.owner.user)
        assert client.get(f"/notifications/{one.pk}/", follow=True).status_code == 200
