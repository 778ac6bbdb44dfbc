"""The whole portal as processes of their own, for tests that need real workers or a browser."""

import os
import secrets
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from celery import current_app

from config import network, programs
from config.embedded.children import Child, Program
from config.embedded.scim import Scim
from config.embedded.supervisor import Supervisor
from config.env import PORT, Environment
from config.paths import ROOT
from tests.harness import servers

READY_SECONDS = 180.0


class Portal:
    """Web server, worker and beat against the tests' own database."""

    def __init__(self, supervisor: Supervisor, env: Mapping[str, str]) -> None:
        self._supervisor = supervisor
        self.env = dict(env)
        self.scim_url, self.scim_token = env["DEMO_TARGET_SCIM_URL"], env["DEMO_TARGET_SCIM_TOKEN"]
        self.url = f"http://{env['HOST']}:{env['PORT']}"
        self._values = Environment(env)
        self.worker = self._start(programs.worker(self._values))
        self._start(programs.beat(supervisor.place.data / "beat"))
        self._web = self._start(programs.web(self._values))

    def start_worker(self, **env: str) -> None:
        """Start a worker in the place of one that was killed, with more environment variables if given."""
        self.worker = self._start(programs.worker(self._values), **env)

    def start_another_web(self, **env: str) -> str:
        """Start one more web server on the same data, with more environment variables, PORT among them."""
        values = Environment({**self.env, **env})
        program = programs.web(values)._replace(name=f"web-{values[PORT]}")
        child = self._start(program, **env)
        url = f"http://localhost:{values[PORT]}"
        child.wait_until(lambda: network.answers(f"{url}/health/live"), seconds=READY_SECONDS)
        return url

    def kill_worker(self) -> None:
        """End the worker with SIGKILL, as a crash would."""
        self.worker.process.send_signal(signal.SIGKILL)
        self.worker.process.wait()

    def sweep(self, task: str) -> None:
        """Have the worker do now what beat has it do each minute."""
        current_app.send_task(task)

    def wait_until_ready(self) -> None:
        """Return when /health/ready says so. Raises ChildDiedError or NotReadyError."""
        self._web.wait_until(lambda: network.answers(f"{self.url}/health/ready"), seconds=READY_SECONDS)

    def _start(self, program: Program, **env: str) -> Child:
        return self._supervisor.start(program, directory=ROOT, env={**self.env, **env})


@contextmanager
def running(*, database_url: str, redis_url: str, target: str) -> Iterator[Portal]:
    """Run the portal until the end of the block."""
    with servers.own_supervisor() as supervisor:
        scim = Scim(supervisor.place, secrets.token_urlsafe())
        supervisor.start_servers(scim)
        env = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "DEMO_TARGET_DSN": target,
            "DEMO_TARGET_SCIM_URL": scim.url,
            "DEMO_TARGET_SCIM_TOKEN": scim.token,
            "DEMO_MODE": "true",
            "EMAIL_URL": "console:",
            "SECRET_KEY": "for-tests-alone-and-therefore-known-to-everybody",
            "HOST": "127.0.0.1",
            "PORT": str(network.free_port("127.0.0.1")),
            "STATIC_ROOT": str(supervisor.place.data / "static"),
            "FILES_ROOT": str(supervisor.place.data / "files"),
            "LOG_FORMAT": "console",
            "ORGANISATION_NAME": "Harbour Mutual",
            **dict.fromkeys(("API_READS_PER_MINUTE", "API_CHANGES_PER_MINUTE", "API_REFUSALS_PER_MINUTE"), "1000000"),
        }
        collectstatic = programs.module("django", "collectstatic", "--noinput")
        supervisor.finish(collectstatic, directory=ROOT, env=env)
        portal = Portal(supervisor, env)
        portal.wait_until_ready()
        yield portal
