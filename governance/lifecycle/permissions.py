"""Who may end an identity, and who sees and runs the feeds of people."""

from uuid import UUID

from django.db.models import QuerySet

from governance.core.actor import Actor, ActorKind, Role
from governance.core.errors import Denied, NotFound
from governance.core.locking import locked, locked_all
from governance.lifecycle.models import FeedRun, Source

ENDS_IDENTITIES = (Role.ADMINISTRATOR, Role.SECURITY)
SEES_FEEDS = (Role.ADMINISTRATOR, Role.AUDITOR)
RUNS_FEEDS = (Role.ADMINISTRATOR,)


def require(actor: Actor) -> None:
    """Raise Denied for all but administrators, security and the portal itself."""
    if actor.kind != ActorKind.SYSTEM and not actor.has(*ENDS_IDENTITIES):
        raise Denied("Only an administrator or security ends an identity.")


def sees_feeds(actor: Actor) -> bool:
    """Whether the actor may look at sources and their runs."""
    return actor.kind == ActorKind.SYSTEM or actor.has(*SEES_FEEDS)


def runs_feeds(actor: Actor) -> bool:
    """Whether the actor may change sources, hand in files and decide on them."""
    return actor.kind == ActorKind.SYSTEM or actor.has(*RUNS_FEEDS)


def visible_sources(actor: Actor) -> "QuerySet[Source]":
    """All sources for those who may look at them, none for others."""
    return Source.objects.all() if sees_feeds(actor) else Source.objects.none()


def visible_runs(actor: Actor) -> "QuerySet[FeedRun]":
    """All runs for those who may look at them, none for others."""
    return FeedRun.objects.all() if sees_feeds(actor) else FeedRun.objects.none()


def require_feeds(actor: Actor) -> None:
    """Raise NotFound for whoever may not look at feeds, and Denied for whoever may only look."""
    if not sees_feeds(actor):
        raise NotFound
    if not runs_feeds(actor):
        raise Denied("Only an administrator changes sources and decides on their files.")


def require_catalog(actor: Actor) -> UUID:
    """The identity of an administrator, who answers by name for the files. Raises Denied for everybody else."""
    if actor.identity_id is None or not actor.has(Role.ADMINISTRATOR):
        raise Denied("Only an administrator applies the catalog's files.")
    return actor.identity_id


def lock_source(actor: Actor, source_id: UUID) -> Source:
    """The source, held, for whoever may change it. Raises NotFound, Denied."""
    require_feeds(actor)
    try:
        return locked(visible_sources(actor), source_id)
    except Source.DoesNotExist:
        raise NotFound from None


def lock_run(actor: Actor, run_id: UUID) -> FeedRun:
    """The run, held with its source: of two files of one source, one is decided on first. Raises NotFound, Denied."""
    require_feeds(actor)
    locked_all(Source.objects.filter(runs=run_id))
    try:
        return locked(visible_runs(actor).select_related("source"), run_id)
    except FeedRun.DoesNotExist:
        raise NotFound from None
