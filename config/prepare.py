"""What has to be done before the portal serves: static files, migrations, and the demonstration's data.

In one process, because each would spend most of its time starting.
"""

import os

import django
from django.conf import settings
from django.core.management import call_command, get_commands


def main() -> None:
    """Prepare the installation that the environment describes; prints what its first visitor should know."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    call_command("collectstatic", interactive=False, verbosity=0)
    call_command("migrate", interactive=False, verbosity=0)
    if settings.DEMO_MODE:
        for command in ("seed_demo", "demo_personas"):
            if command in get_commands():
                call_command(command)


if __name__ == "__main__":
    main()
