"""Criteria asked of all identities at once: of each combination of the facts that they name, not of each identity."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

from governance.catalog.models import BundleVersion
from governance.identities.models import Identity
from governance.policy.criteria import combinations, facts_named, holds


def unmatched(versions: Sequence[BundleVersion], now: datetime) -> list[BundleVersion]:
    """Those whose criteria are true of no active identity; one query for each set of facts that any of them names.

    Criteria that can't be evaluated match nobody: nothing is given by them either.
    """
    asked: dict[tuple[str, ...], list[BundleVersion]] = defaultdict(list)
    for version in versions:
        asked[facts_named(version.criteria)].append(version)
    return [one for names, those in asked.items() for one in _none_of(those, names, now)]


def _none_of(versions: Iterable[BundleVersion], names: tuple[str, ...], now: datetime) -> list[BundleVersion]:
    left = list(versions)
    for values in combinations(Identity.objects.active(now), names, now):
        left = [one for one in left if not holds(one.criteria, values)]
        if not left:
            break
    return left
