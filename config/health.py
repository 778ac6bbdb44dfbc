"""Whether the process lives, and whether the portal is of use: pages and workers both."""

import time
from collections.abc import Callable, Mapping
from functools import cache as once
from functools import partial
from http import HTTPStatus
from typing import Any

import structlog
from django.conf import settings
from django.core.cache import cache
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import resolve_url
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from redis import Redis

from governance.wiring import readiness_warnings

HEARTBEAT_KEY = "heartbeat"
HEARTBEAT_FRESH_SECONDS = 30

log = structlog.get_logger(__name__)


@never_cache
@require_safe
def live(request: HttpRequest) -> HttpResponse:
    """200 as long as the process answers at all. Asks nothing else."""
    return JsonResponse({"status": "live"})


@never_cache
@require_safe
def ready(request: HttpRequest) -> HttpResponse:
    """200 if every check passes, 503 otherwise; the body says which, in words without detail.

    Warnings are what somebody has to put right through the pages, which must therefore be served.
    """
    checks: dict[str, Callable[[], str | None]] = {
        "database": _database,
        "migrations": _migrations,
        "broker": _broker,
        "workers": _workers,
        "pages": partial(_pages, request.META),
    }
    results = {name: _outcome(name, check) for name, check in checks.items()}
    passed = all(outcome == "ok" for outcome in results.values())
    warnings = {name: _outcome(name, check) for name, check in readiness_warnings().items()}
    body = {"status": "ready" if passed else "not ready", "checks": results, "warnings": warnings}
    return JsonResponse(body, status=200 if passed else 503)


def record_heartbeat() -> None:
    """Note that a worker has just run a task that beat has sent."""
    cache.set(HEARTBEAT_KEY, time.time(), timeout=None)


def _outcome(name: str, check: Callable[[], str | None]) -> str:
    """What is wrong, or else "ok". A check that raises has failed; the reason goes to the log, not to strangers."""
    try:
        return check() or "ok"
    except Exception:
        log.warning("health.check_failed", check=name, exc_info=True)
        return "failed"


def _database() -> str | None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return None


def _migrations() -> str | None:
    executor = MigrationExecutor(connection)
    pending = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return f"{len(pending)} not applied" if pending else None


def _broker() -> str | None:
    address = str(settings.CACHES["default"]["LOCATION"])
    with Redis.from_url(address, socket_timeout=2, socket_connect_timeout=2) as client:
        client.ping()
    return None


def _workers() -> str | None:
    last = cache.get(HEARTBEAT_KEY)
    if last is None:
        return "no heartbeat yet"
    age = time.time() - last
    return f"last heartbeat {age:.0f} seconds ago" if age > HEARTBEAT_FRESH_SECONDS else None


def _pages(environ: Mapping[str, Any]) -> str | None:
    """The first page and the sign-in page, as a stranger who comes the way of this request gets them."""
    for path in ("/", resolve_url(settings.LOGIN_URL)):
        stranger = {**environ, "REQUEST_METHOD": "GET", "PATH_INFO": path, "QUERY_STRING": "", "HTTP_COOKIE": ""}
        status = _handler().get_response(WSGIRequest(stranger)).status_code
        if status >= HTTPStatus.BAD_REQUEST:
            return f"{path} answers {status}"
    return None


@once
def _handler() -> WSGIHandler:
    return WSGIHandler()
