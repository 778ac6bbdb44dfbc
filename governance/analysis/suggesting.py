"""Roles mined from access as it stands, as suggestions of bundles."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Final
from uuid import UUID

from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Subquery

from governance.access.models import Assignment, PresencePeriod
from governance.access.querysets import AssignmentQuerySet
from governance.analysis import stale
from governance.analysis.mining import MOST, Access, Mined, Peers, mined
from governance.analysis.models import RoleSuggestion, Survey
from governance.catalog.models import Entitlement
from governance.catalog.states import CatalogState
from governance.identities.models import Identity

AT_A_TIME: Final = 5_000

BUNDLED: Final = f"""
WITH RECURSIVE latest AS ({stale.LATEST}), inside AS ({stale.INSIDE}), contents AS ({stale.CONTENTS})
SELECT root, entitlement_id FROM contents
"""


def suggested(survey: Survey) -> list[RoleSuggestion]:
    """The roles that stand in access and are no bundles yet, as suggestions that are not saved yet."""
    holders = list(Identity.objects.active(survey.at).order_by("pk").values_list("pk", "department", "title"))
    active = Entitlement.objects.filter(state=CatalogState.ACTIVE, system__state=CatalogState.ACTIVE)
    items = list(active.order_by("system__key", "key").values_list("pk", flat=True))
    numbers = {pk: number for number, pk in enumerate(items)}
    held = _held({pk: number for number, (pk, _, _) in enumerate(holders)}, numbers)
    access = Access([Peers(department, title) for _, department, title in holders], held, len(items))
    found = mined(access, _bundled(survey.at, numbers))
    return [_suggestion(one, items, access.total, survey) for one in found]


def _held(holders: Mapping[UUID, int], items: Mapping[UUID, int]) -> Iterator[tuple[int, int]]:
    """Who holds what, by their numbers. Read as it is used."""
    for identity_id, entitlement_id in standing().values_list("account__identity", "entitlement").iterator(AT_A_TIME):
        if identity_id in holders and entitlement_id in items:
            yield holders[identity_id], items[entitlement_id]


def standing() -> "AssignmentQuerySet[Assignment]":
    """The access of identities as policy's facts have it: wanted for them, or seen in the system."""
    seen = PresencePeriod.objects.filter(assignment=OuterRef("pk"), ends_at__isnull=True)
    return Assignment.objects.filter(Q(wanted=True) | Exists(seen), account__identity__isnull=False)


def members(suggestion: RoleSuggestion, now: datetime) -> "QuerySet[Identity]":
    """Those who hold most of what is suggested now, with how much of it as `share`; the most first."""
    active = Identity.objects.active(now).values("pk")
    held = standing().filter(entitlement__in=suggestion.entitlements, account__identity__in=active)
    shares = held.values("account__identity").annotate(share=Count("entitlement", distinct=True))
    fewest = -(-len(suggestion.entitlements) * MOST // 100)
    share = shares.filter(account__identity=OuterRef("pk")).values("share")
    most = Identity.objects.filter(pk__in=shares.filter(share__gte=fewest).values("account__identity"))
    return most.annotate(share=Subquery(share)).order_by("-share", "name", "pk")


def held_by_members(suggestion: RoleSuggestion, now: datetime) -> Mapping[UUID, int]:
    """How many of them hold each entitlement."""
    those = members(suggestion, now).values("pk")
    held = standing().filter(entitlement__in=suggestion.entitlements, account__identity__in=those)
    counted = held.values("entitlement").annotate(holders=Count("account__identity", distinct=True))
    return dict(counted.values_list("entitlement", "holders"))


def _bundled(at: datetime, items: Mapping[UUID, int]) -> Sequence[frozenset[int]]:
    """What each active bundle holds."""
    found: dict[UUID, set[int]] = defaultdict(set)
    for root, entitlement_id in stale.rows(BUNDLED, at):
        if entitlement_id in items:
            found[root].add(items[entitlement_id])
    return [frozenset(found[root]) for root in sorted(found)]


def _suggestion(one: Mined, items: Sequence[UUID], standing: int, survey: Survey) -> RoleSuggestion:
    entitlements = sorted(items[item] for item in one.items)
    peers = one.peers or Peers()
    return RoleSuggestion(
        key=sha256(b"".join(pk.bytes for pk in entitlements)).hexdigest(),
        score=100 * one.covered // (one.covered + one.excess),
        survey=survey,
        found_at=survey.at,
        entitlements=entitlements,
        department=peers.department,
        title=peers.title,
        criteria=criteria(peers),
        members=one.members,
        matched=one.matched,
        covered=one.covered,
        missing=one.missing,
        excess=one.excess,
        standing=standing,
    )


def criteria(peers: Peers) -> str:
    """The condition over an identity that says it is one of them; empty for any."""
    named = {"identity.department": peers.department, "identity.title": peers.title}
    return " && ".join(f"{name} == {_quoted(value)}" for name, value in named.items() if value)


def _quoted(text: str) -> str:
    """A text as conditions write it."""
    for plain, escaped in (("\\", "\\\\"), ("'", "\\'"), ("\n", "\\n"), ("\r", "\\r")):
        text = text.replace(plain, escaped)
    return f"'{text}'"
