"""Rules and their versions as plain values."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.urls import reverse

from governance.policy.cel import type_name
from governance.policy.consequences import ConsequenceError, read, sentences
from governance.policy.facts import declarations
from governance.policy.listing import Said
from governance.policy.models import PolicyRuleVersion
from governance.policy.states import Mode, VersionState
from governance.policy.words import said
from governance.web.policy.forms import FOLLOWS, WordingForm


@dataclass(frozen=True, slots=True)
class Row:
    """A rule as a line of the list."""

    key: str
    url: str
    title: str
    owner: str
    version: int | None
    since: datetime | None
    mode: str
    state: str
    drafted: bool


def row(rule: Any) -> Row:
    """One rule as `listing.listed` answers it."""
    return Row(
        key=rule.key,
        url=reverse("rule-detail", args=[rule.pk]),
        title=rule.title,
        owner=rule.owner_name or "nobody",
        version=rule.version,
        since=rule.since,
        mode=mode(rule.mode) if rule.mode else "",
        state=rule.stands,
        drafted=rule.drafts,
    )


def mode(value: str) -> str:
    """How far a version reaches, in words."""
    return str(Mode(value).label)


@dataclass(frozen=True, slots=True)
class Version:
    """A version in full. `state` says how it stands now."""

    name: str
    url: str
    number: int
    state: str
    mode: str
    priority: int
    condition: str
    follows: Sequence[str]
    stored: str
    reason: str
    starts_at: datetime | None
    ends_at: datetime | None
    drafted: Said | None
    published: Said | None


def version(found: PolicyRuleVersion, history: Mapping[str, Said], now: datetime) -> Version:
    """A version with who drafted and published it."""
    return Version(
        name=str(found),
        url=reverse("rule-version", args=[found.rule.key, found.number]),
        number=found.number,
        state=shown_state(found, now),
        mode=mode(found.mode),
        priority=found.priority,
        condition=found.condition,
        follows=follows(found.outcomes),
        stored=json.dumps(found.outcomes, indent=2),
        reason=found.reason,
        starts_at=found.effective_from,
        ends_at=found.effective_until,
        drafted=history.get(VersionState.DRAFT),
        published=history.get(VersionState.PUBLISHED),
    )


def shown_state(found: PolicyRuleVersion, now: datetime) -> str:
    """How a version stands at the moment: a retired one whose end is still to come is in force."""
    start, end = found.effective_from, found.effective_until
    if start is None:
        return "draft"
    if end is not None and (end <= start or end <= now):
        return "retired"
    return "in_force" if start <= now else "scheduled"


def follows(outcomes: object) -> list[str]:
    """What follows from a version, a sentence each."""
    try:
        return sentences(read(outcomes))
    except ConsequenceError as error:
        return [f"It can't be read: {error}"]


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact, as the table beside the editor tells it."""

    name: str
    type: str
    meaning: str
    example: str


@dataclass(frozen=True, slots=True)
class Group:
    """The facts of one thing."""

    name: str
    facts: Sequence[Fact]


def facts() -> list[Group]:
    """Everything that a condition may name, by what it belongs to."""
    groups: dict[str, list[Fact]] = {}
    for one in declarations():
        about = one.name.partition(".")[0] if "." in one.name else "the moment"
        meaning = one.meaning.replace("`", "")
        groups.setdefault(about, []).append(Fact(one.name, type_name(one.type), meaning, said(one.example)))
    return [Group(name.capitalize(), found) for name, found in groups.items()]


@dataclass(frozen=True, slots=True)
class Choice:
    """What can follow, as an option of the editor."""

    value: str
    label: str
    two: str
    checked: bool


def choices(form: WordingForm) -> list[Choice]:
    """What can follow, with what is chosen."""
    chosen = form["follows"].value()
    return [Choice(value, label, two, value == chosen) for value, label, two in FOLLOWS]


def editor(form: WordingForm) -> dict[str, Any]:
    """What the editor's page takes besides its title."""
    return {"form": form, "choices": choices(form), "facts": facts()}
