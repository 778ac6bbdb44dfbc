from contextlib import suppress
from uuid import UUID

from celery import shared_task
from django.utils import timezone

from governance.analysis import actions, queries
from governance.core.actor import Actor
from governance.core.errors import Conflict

REPLAY = Actor.system("replay")
SURVEY = Actor.system("survey")


@shared_task(name=actions.RUN)
def run_replay(replay_id: str) -> None:
    """Go on with one replay, and hand on what is left. While a twin is at it, the twin does."""
    with suppress(Conflict):
        if actions.run(replay_id=UUID(replay_id), actor=REPLAY, clock=timezone.now):
            run_replay.delay(replay_id)


@shared_task(name="analysis.continue_replays")
def continue_replays() -> None:
    """Wake a worker for each replay that nobody is at: a message was lost, or a worker died at it."""
    for pk in queries.left_alone(timezone.now()).values_list("pk", flat=True):
        run_replay.delay(str(pk))


@shared_task(name=actions.RUN_SURVEY)
def run_survey(survey_id: str) -> None:
    """Go on with one survey to its end. While a twin is at it, the twin does."""
    with suppress(Conflict):
        actions.run_survey(survey_id=UUID(survey_id), actor=SURVEY, clock=timezone.now)


@shared_task(name="analysis.survey")
def survey() -> None:
    """Begin the look of the day, unless a twin has."""
    with suppress(Conflict):
        actions.daily_survey(actor=SURVEY, now=timezone.now())


@shared_task(name="analysis.continue_surveys")
def continue_surveys() -> None:
    """Wake a worker for a survey that nobody is at: a message was lost, or a worker died at it."""
    for pk in queries.surveys_left_alone(timezone.now()).values_list("pk", flat=True):
        run_survey.delay(str(pk))
