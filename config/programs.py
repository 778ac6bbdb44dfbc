"""The portal's three programs and how they are started: web server, worker, beat."""

import signal
import sys
from pathlib import Path

from config import env
from config.embedded.children import Program
from config.env import Environment

CELERY = [sys.executable, "-m", "celery", "-A", "config.celery"]


def web(values: Environment) -> Program:
    """Granian, which serves config.wsgi with threads."""
    options = {
        "--interface": "wsgi",
        "--host": values[env.HOST],
        "--port": str(values[env.PORT]),
        "--workers": "1",
        "--blocking-threads": str(values[env.WEB_THREADS]),
        "--workers-kill-timeout": "5",
    }
    flat = [part for option in options.items() for part in option]
    return Program("web", [sys.executable, "-m", "granian", *flat, "--no-ws", "config.wsgi:application"])


def worker(values: Environment) -> Program:
    """A Celery worker. Threads share the pool of connections; processes would exhaust the server's.

    Tasks may be cut off anywhere, so nothing is lost if the worker is killed together with its parent.
    """
    threads = str(values[env.WORKER_THREADS])
    options = ["worker", "--pool", "threads", "--concurrency", threads, "--without-gossip", "--without-mingle"]
    return Program("worker", [*CELERY, *options], orphaned=signal.SIGKILL)


def beat(state: Path) -> Program:
    """Celery's clock, a process apart: as a child of the worker it would outlive a worker that is killed."""
    options = ["beat", "--schedule", str(state), "--pidfile", ""]
    return Program("beat", [*CELERY, *options], orphaned=signal.SIGKILL)


def module(name: str, *arguments: str) -> Program:
    """A module run to its end, called by the last part of its name."""
    return Program(name.rpartition(".")[2], [sys.executable, "-m", name, *arguments])
