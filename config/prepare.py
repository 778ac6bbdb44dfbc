"""What has to be done before the portal serves: static files, migrations, and the demonstration's data.

In one process, because each would spend most of its time starting.
"""

import os
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

import django
from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command, get_commands

MARK = "collected.txt"


def main() -> None:
    """Prepare the installation that the environment describes; prints what its first visitor should know."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    collect_static()
    call_command("migrate", interactive=False, verbosity=0)
    if settings.DEMO_MODE:
        for command in ("seed_demo", "demo_personas"):
            if command in get_commands():
                call_command(command)


def collect_static() -> None:
    """Collect and compress the static files, unless nothing has changed: it takes longer than all the rest."""
    mark = Path(settings.STATIC_ROOT) / MARK
    sources = _sources()
    if mark.exists() and mark.read_text() == sources:
        return
    mark.unlink(missing_ok=True)
    call_command("collectstatic", interactive=False, verbosity=0)
    mark.write_text(sources)


def _sources() -> str:
    """A hash of what decides the outcome: each file's place, size and time, and who makes of it what is served."""
    found = [Path(storage.path(path)) for finder in get_finders() for path, storage in finder.list([])]
    files = sorted(f"{path} {path.stat().st_size} {path.stat().st_mtime_ns}" for path in found)
    makers = [str(settings.STORAGES["staticfiles"]), version("django"), version("whitenoise")]
    return sha256("\n".join([*makers, *files]).encode()).hexdigest()


if __name__ == "__main__":
    main()
