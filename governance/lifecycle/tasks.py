from contextlib import suppress
from uuid import UUID

from celery import shared_task
from django.utils import timezone

from governance.core.actor import Actor
from governance.core.errors import Conflict
from governance.identities.models import Identity
from governance.identities.states import Status
from governance.lifecycle import actions, feeds, queries, reevaluation

BATCH = 100
LIFECYCLE = Actor.system("lifecycle")
FEED = Actor.system(feeds.FEED)
REEVALUATION = Actor.system("re-evaluation")


@shared_task(name="lifecycle.end")
def end(identity_id: str) -> None:
    """End one identity whose last day has passed."""
    actions.end_if_due(identity_id=UUID(identity_id), actor=LIFECYCLE, now=timezone.now())


@shared_task(name="lifecycle.end_due")
def end_due() -> None:
    """Find the identities whose last day has passed: one that nobody can take over from stops no other."""
    due = Identity.objects.filter(ends_at__lte=timezone.now()).exclude(state=Status.ENDED).order_by("ends_at")
    for pk in due.values_list("pk", flat=True)[:BATCH]:
        end.delay(str(pk))


@shared_task(name=feeds.APPLY)
def apply_run(run_id: str) -> None:
    """Apply one accepted run of a feed. While another of its source is at it, it waits for the sweep."""
    with suppress(Conflict):
        feeds.apply(run_id=UUID(run_id), actor=FEED, now=timezone.now())


@shared_task(name="lifecycle.apply_runs_due")
def apply_runs_due() -> None:
    """Wake a worker for each accepted run that none has finished: a message was lost, or a worker died at it."""
    for pk in queries.accepted_ids():
        apply_run.delay(str(pk))


@shared_task(name="lifecycle.retire")
def retire(purpose_id: str) -> None:
    """Retire one purpose whose end has come, or whose last removal is proven."""
    actions.retire_if_due(purpose_id=UUID(purpose_id), actor=LIFECYCLE, now=timezone.now())


@shared_task(name="lifecycle.retire_due")
def retire_due() -> None:
    """Find the purposes whose end has come, and those that have nothing left to be proven gone."""
    for pk in queries.purposes_to_retire(timezone.now())[:BATCH]:
        retire.delay(str(pk))


@shared_task(name=reevaluation.RUN)
def reevaluate(reevaluation_id: str) -> None:
    """Go on with one re-evaluation, and hand on what is left. While a lease is held by others, the sweep comes back."""
    with suppress(Conflict):
        if actions.reevaluate(reevaluation_id=UUID(reevaluation_id), actor=REEVALUATION, clock=timezone.now):
            reevaluate.delay(reevaluation_id)


@shared_task(name="lifecycle.reevaluate_due")
def reevaluate_due() -> None:
    """Wake a worker for each re-evaluation that is due: its time has come, a message was lost, or a worker died."""
    for pk in queries.reevaluations_due(timezone.now()):
        reevaluate.delay(str(pk))
