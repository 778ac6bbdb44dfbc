"""A version carried out on live leases by two workers at once, and while holders end them themselves (rule 9)."""

from functools import partial

import pytest

from governance.access.models import Assignment
from governance.approvals.models import Decision
from governance.core.errors import Conflict
from governance.grants.models import Grant
from governance.grants.states import GrantState
from governance.lifecycle import actions, reevaluation
from governance.lifecycle.models import Reevaluation
from governance.lifecycle.states import ReevaluationState
from tests import builders
from tests.builders import live_grant, step_ids
from tests.changing import steps_of
from tests.core.log import events_of
from tests.harness.races import at_once, rounds, seeds, split
from tests.leases import approve, begin, fresh, give_back, newcomer
from tests.lifecycle.test_reevaluation import SYSTEM, Company, counts, later
from tests.provisioning.things import Scripted

pytestmark = pytest.mark.django_db(transaction=True)


def works(found: Reevaluation) -> bool:
    return actions.reevaluate(reevaluation_id=found.pk, actor=SYSTEM, clock=later)


class TestTwoWorkersAtOnce:
    @rounds
    def test_judge_each_lease_once(self, rounds: int, memory: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(reevaluation, "BATCH", 1)
        company = Company()
        builders.rule("manager", key="POL-90")
        for seed in seeds(rounds // 5):
            newcomer(company, f"One {seed}")
            grants = [live_grant(company.submit())]
            newcomer(company, f"Two {seed}")
            grants.append(live_grant(company.submit()))
            found = company.publish(deny=True, condition=f"identity.name.endsWith(' {seed}')")
            _, refused = split(at_once(partial(works, found), partial(works, found), seed=seed))
            assert refused == []
            works(found)
            found.refresh_from_db()
            assert found.counts == counts(revoke=2)
            assert [event["action"] for event in events_of(found.pk)] == ["reevaluation.running", "reevaluation.done"]
            for grant in grants:
                assert grant.history.filter(state=GrantState.REVOKING).count() == 1


class TestAVersionAndTheHolderAtOnce:
    @rounds
    def test_end_the_lease_once(self, rounds: int, memory: Scripted) -> None:
        company = Company()
        builders.rule("manager", key="POL-90")
        for seed in seeds(rounds // 2):
            newcomer(company, f"Holder {seed}")
            grant = live_grant(company.submit())
            found = company.publish(deny=True, condition=f"identity.name == 'Holder {seed}'")
            given, worked = at_once(partial(give_back, grant), partial(works, found), seed=seed)
            assert type(given) in {Grant, Conflict}
            assert worked is False
            for one in (found, grant):
                one.refresh_from_db()
            assert (found.state, grant.state) == (ReevaluationState.DONE, GrantState.REVOKING)
            assert grant.history.filter(state=GrantState.REVOKING).count() == 1


class TestAVersionAndADecisionAtOnce:
    @rounds
    def test_give_no_access_that_the_version_denies(self, rounds: int, memory: Scripted) -> None:
        """A route is frozen with its version; what is in force as the lease begins has the last word."""
        company = Company()
        builders.rule("manager", key="POL-90")
        for seed in seeds(rounds):
            newcomer(company, f"Asker {seed}")
            request = company.submit()
            version = company.draft(f"identity.name == 'Asker {seed}'", deny=True)
            company.rehearse(version)
            (publishing,) = steps_of(company.propose(version))
            (step,) = step_ids(request)
            published, decided = at_once(
                partial(approve, publishing, company.judge), partial(approve, step, company.manager), seed=seed
            )
            assert isinstance(published, Decision)
            assert isinstance(decided, Decision)
            grant = Grant.objects.get(source_id=request.items.get().pk)
            assert begin(grant).state == GrantState.CANCELLED
            assert "Because of the draft." in fresh(grant).state_reason
            works(Reevaluation.objects.get(version=version))
            assert not Assignment.objects.filter(account=company.account, wanted=True).exists()
