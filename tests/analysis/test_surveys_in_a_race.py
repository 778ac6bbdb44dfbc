"""Surveys, and what becomes of what they found, with several at it in the same moment."""

from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.utils import timezone

from governance.analysis import actions
from governance.analysis.models import StaleFinding, Survey
from governance.analysis.states import PARTS, FoundState, SurveyState
from governance.core.actor import Role
from governance.core.errors import Conflict
from tests.analysis.surveying import SYSTEM, found_by_now
from tests.builders import Organisation, actor, person
from tests.core.log import events_of
from tests.harness.races import at_once, rounds, seeds, split

pytestmark = pytest.mark.django_db(transaction=True)


def at_last(moment: datetime) -> datetime:
    """What a clock says that stands still."""
    return moment


class TestTwoSurveysAtOnce:
    @rounds
    def test_are_one(self, rounds: int) -> None:
        admin = actor(person("Ada"), Role.ADMINISTRATOR)
        for seed in seeds(rounds):
            now = timezone.now() + timedelta(days=seed)
            begin = (
                partial(actions.start_survey, actor=admin, now=now),
                partial(actions.daily_survey, actor=SYSTEM, now=now),
            )
            done, refused = split(at_once(*begin, seed=seed))
            begun = [one for one in done if one is not None]
            assert len(begun) == 1
            assert all(type(error) is Conflict for error in refused)
            assert Survey.objects.get(state=SurveyState.RUNNING) == begun[0]
            actions.run_survey(survey_id=begun[0].pk, actor=SYSTEM, clock=partial(at_last, now))


class TestTwoWorkersAtOneSurvey:
    @rounds
    def test_find_everything_once(self, rounds: int) -> None:
        Organisation()
        for seed in seeds(rounds):
            at = timezone.now() + timedelta(days=100 + seed)
            survey = actions.daily_survey(actor=SYSTEM, now=at)
            assert survey is not None
            run = partial(actions.run_survey, survey_id=survey.pk, actor=SYSTEM, clock=partial(at_last, at))
            _, refused = split(at_once(run, run, seed=seed))
            assert all(type(error) is Conflict for error in refused)
            run()
            survey.refresh_from_db()
            assert (survey.state, sorted(survey.done)) == (SurveyState.DONE, sorted(PARTS))
            assert len(events_of(survey.pk)) == len(PARTS) + 2
        assert StaleFinding.objects.filter(kind="unheld").count() == 1


class TestTwoDismissalsAtOnce:
    @rounds
    def test_are_one(self, rounds: int) -> None:
        org, now = Organisation(), timezone.now()
        _, found, _ = found_by_now(org.entitlement, now)
        given: dict[str, Any] = {"finding_id": found.pk, "until": now + timedelta(days=9), "now": now}
        act = partial(actions.dismiss_finding, actor=actor(org.owner), **given)
        for seed in seeds(rounds):
            reasons = ("It is for the end of the year.", "It is for the audit in May.")
            done, refused = split(at_once(*(partial(act, reason=reason) for reason in reasons), seed=seed))
            assert len(done) == 1
            assert all(isinstance(error, Conflict) for error in refused)
            found.refresh_from_db()
            assert (found.state, found.state_reason) == (FoundState.DISMISSED, done[0].state_reason)
            StaleFinding.objects.filter(pk=found.pk).update(state=FoundState.OPEN, dismissed_until=None)
