"""`manage.py mine_roles`: the roles that access has already; `--planted` measures how well they are found."""

import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from governance.analysis.mining import mined
from governance.analysis.models import RoleSuggestion, Survey
from governance.analysis.suggesting import suggested
from governance.catalog.models import Entitlement
from governance.management.planted import Plan, measured, planted

LEAST_RECALL = 0.9
ORDINARY = Plan()


class Command(BaseCommand):
    """Changes nothing: suggestions are kept by surveys alone."""

    help = "Print the roles mined from access as it stands, or how well planted ones are found again."

    def add_arguments(self, parser: CommandParser) -> None:
        """What to mine, and how large and noisy a planted set is to be."""
        parser.add_argument("--planted", action="store_true", help="mine access made from known roles, in memory")
        parser.add_argument("--people", type=int, default=ORDINARY.people)
        parser.add_argument("--seed", type=int, default=ORDINARY.seed)
        parser.add_argument("--missing", type=int, default=ORDINARY.missing, help="per cent of access left out")
        parser.add_argument("--besides", type=int, default=ORDINARY.besides, help="per cent of access added at random")

    def handle(self, **options: Any) -> None:
        """Mine and print. Raises CommandError where fewer than nine in ten planted roles are found."""
        if options["planted"]:
            self._planted(Plan(**{name: options[name] for name in ("people", "seed", "missing", "besides")}))
        else:
            self._standing()

    def _planted(self, plan: Plan) -> None:
        made = planted(plan)
        began = time.monotonic()
        found = measured(made.roles, mined(made.access))
        self.stdout.write(
            f"{plan.people:,} people hold {made.access.total:,} entitlements by {found.planted} planted roles, "
            f"{plan.missing} % missing and {plan.besides} % besides (seed {plan.seed}).\n"
            f"{found.found} roles mined in {time.monotonic() - began:.1f} s; {found.recovered} are planted ones, "
            f"entitlement for entitlement.\nprecision {found.precision:.3f}\nrecall    {found.recall:.3f}"
        )
        if found.recall < LEAST_RECALL:
            raise CommandError(f"Less than {LEAST_RECALL:.0%} of the planted roles were found.")

    def _standing(self) -> None:
        found = suggested(Survey(at=timezone.now()))
        names = {one.pk: f"{one.system.key}/{one.key}" for one in Entitlement.objects.select_related("system")}
        for one in found:
            self.stdout.write(_line(one))
            self.stdout.write("".join(f"  {names[pk]}\n" for pk in one.entitlements))
        self.stdout.write(f"{len(found)} roles.")


def _line(one: RoleSuggestion) -> str:
    who = one.criteria or "no department or title tells who"
    return (
        f"{one.members} hold most of {len(one.entitlements)} entitlements ({who}): {one.covered} of {one.standing} "
        f"explained, {one.excess} given anew"
    )
