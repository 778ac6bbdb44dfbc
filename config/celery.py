"""The Celery app: which packages have tasks, and what is done when, and why."""

import os
from datetime import timedelta
from typing import NamedTuple

from celery import Celery
from celery.schedules import crontab
from celery.signals import beat_init, setup_logging
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
os.environ.setdefault("CELERY_SKIP_CHECKS", "1")  # `make check` has checked all; here it costs each start a second

# Django finds every model under the label `governance`; Celery has to be told each package that has a tasks.py.
PACKAGES_WITH_TASKS = [
    "config",
    "governance.analysis",
    "governance.approvals",
    "governance.audit",
    "governance.break_glass",
    "governance.grants",
    "governance.lifecycle",
    "governance.notifications",
    "governance.provisioning",
    "governance.requests",
    "governance.separation",
]


class Beat(NamedTuple):
    """One line of the timetable: the task's explicit name, when it runs, and why that often."""

    task: str
    when: timedelta | crontab
    why: str


TIMETABLE = [
    Beat("config.heartbeat", timedelta(seconds=10), "/health/ready calls workers dead after 30 seconds"),
    Beat("grants.sweep", timedelta(minutes=1), "rule 4: a removal is queued within a minute of the end"),
    Beat("grants.activate_due", timedelta(seconds=15), "approved grants that no wake-up reached"),
    Beat("grants.remind", timedelta(minutes=1), "holders and owners learn of an end before it comes, and after"),
    Beat("break_glass.remind", timedelta(minutes=1), "rule 11: a review waits as soon as the access has ended"),
    Beat("notifications.post", timedelta(seconds=30), "what was said meanwhile goes out together, as one mail each"),
    Beat("approvals.expire_due", timedelta(minutes=1), "rule 15: a timeout never means yes"),
    Beat("approvals.escalate_due", timedelta(minutes=5), "nothing waits long for somebody who does not answer"),
    Beat("approvals.ask_again_due", timedelta(minutes=5), "rule 16: owners change by the clock as well"),
    Beat("requests.lapse_drafts", timedelta(hours=1), "what somebody put aside and never came back to is closed"),
    Beat("lifecycle.end_due", timedelta(minutes=1), "rule 8: an identity's end ends its access within a minute"),
    Beat("lifecycle.retire_due", timedelta(minutes=1), "a purpose that has ended, and one whose removals are proven"),
    Beat("lifecycle.apply_runs_due", timedelta(minutes=1), "accepted runs of a feed that no worker has finished"),
    Beat("lifecycle.reevaluate_due", timedelta(minutes=1), "rule 9: what a new version of a rule means to live leases"),
    Beat("analysis.continue_replays", timedelta(minutes=1), "replays whose worker died, or whose wake-up got lost"),
    Beat(
        "separation.scan", timedelta(minutes=1), "rule 7: whatever breaks a rule, and each end of a mitigation, is told"
    ),
    Beat("separation.remind", timedelta(minutes=1), "a mitigation is looked at again when that was promised"),
    Beat("analysis.survey", crontab(hour=4, minute=20), "what has gone stale, each day while few are at work"),
    Beat("analysis.continue_surveys", timedelta(minutes=10), "surveys whose worker died, or whose wake-up got lost"),
    Beat("audit.seal", timedelta(seconds=5), "an event can be changed unseen only until it is sealed"),
    Beat("audit.check", timedelta(minutes=1), "the colophon says whether the log is what was sealed"),
    Beat("audit.ensure_partitions", timedelta(hours=12), "each month's events have a partition before it begins"),
    Beat("provisioning.sweep", timedelta(seconds=5), "retries are due, wake-ups got lost, a worker died at its task"),
]

# A message taken by a worker that then dies is handed out again after this time. No task may run longer: tasks only
# wake workers, and claims on rows of the database have deadlines of their own.
VISIBILITY_TIMEOUT = timedelta(minutes=10)

app = Celery("leasehold")
app.conf.update(
    broker_url=settings.BROKER_URL,
    broker_connection_retry_on_startup=True,
    broker_transport_options={
        "visibility_timeout": VISIBILITY_TIMEOUT.total_seconds(),
        "global_keyprefix": "leasehold:celery:",
        "socket_connect_timeout": 1,
        "socket_timeout": 5,  # longer than the second for which a worker waits for a message at a time
    },
    accept_content=["json"],
    task_serializer="json",
    task_ignore_result=True,
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_publish_retry_policy={"max_retries": 3, "interval_start": 0, "interval_step": 0.2, "interval_max": 0.5},
    timezone="UTC",
    worker_pool="threads",
    worker_prefetch_multiplier=1,
    worker_redirect_stdouts=False,
    # A tick that waited longer than until the next one is dropped: sweeps look at the clock, not at their number.
    beat_schedule={
        line.task: {
            "task": line.task,
            "schedule": line.when,
            "options": {"expires": line.when.total_seconds()} if isinstance(line.when, timedelta) else {},
        }
        for line in TIMETABLE
    },
)
app.autodiscover_tasks(PACKAGES_WITH_TASKS)


@setup_logging.connect
def _keep_our_logging(**_: object) -> None:
    """Connected, it keeps Celery from replacing the logging that the settings have set up."""


@beat_init.connect
def _first_heartbeat(**_: object) -> None:
    """Without it a new timetable would leave /health/ready waiting for its first interval to pass."""
    app.send_task("config.heartbeat")
