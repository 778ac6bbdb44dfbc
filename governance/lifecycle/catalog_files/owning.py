"""Owners as files name them: a person by source and key, or a team."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any, TypeAlias

from governance.identities.models import Identity, Team, TeamMembership
from governance.identities.querysets import acts
from governance.identities.states import Kind
from governance.lifecycle.catalog_files.entries import OWNERS, Entry

Name: TypeAlias = tuple[str, str] | tuple[str]
Named: TypeAlias = Mapping[Name, Identity | Team | str]
"""Who is meant, or why nobody of the name can answer for anything."""


def named_by(said: Mapping[str, Any]) -> Name:
    """What identifies the owner that a file names."""
    return (said["team"],) if "team" in said else (said["source"], said["key"])


def named(entries: Iterable[Entry], now: datetime) -> Named:
    """All that the entries name; three queries."""
    wanted = {named_by(said) for entry in entries for name in OWNERS if (said := entry.values[name])}
    people = _people({name for name in wanted if len(name) > 1})
    teams = {team.key: team for team in Team.objects.filter(key__in=[name[0] for name in wanted if len(name) == 1])}
    members = TeamMembership.objects.at(now).filter(acts(now, "identity__"), team__in=teams.values())
    staffed = set(members.values_list("team", flat=True))
    found: dict[Name, Identity | Team | str] = {}
    for name in wanted:
        if len(name) > 1:
            found[name] = _person(name, people.get(name), now)
        else:
            found[name] = _team(name[0], teams.get(name[0]), staffed)
    return found


def _people(names: Collection[Name]) -> dict[Name, Identity]:
    sources, keys = {name[0] for name in names}, {name[-1] for name in names}
    rows = Identity.objects.filter(source__in=sources, external_key__in=keys)
    return {(one.source, one.external_key): one for one in rows}


def _person(name: Name, found: Identity | None, now: datetime) -> Identity | str:
    if found is None:
        return f"There is nobody with the key {name[-1]} in the source {name[0]}."
    if found.kind != Kind.PERSON or not found.acts(now):
        return f"{found} is no active person."
    return found


def _team(key: str, found: Team | None, staffed: Collection[Any]) -> Team | str:
    if found is None:
        return f"There is no team {key}."
    return found if found.pk in staffed else f"The team {key} has no active member."
