"""Rules and their versions as plain values."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.forms import Form
from django.urls import reverse

from governance.analysis.models import Finding, Replay
from governance.analysis.publishing import rehearsals
from governance.analysis.states import ReplayState, Source
from governance.lifecycle.models import Reevaluation
from governance.lifecycle.states import Denied, Fate
from governance.policy.cel import type_name
from governance.policy.consequences import ConsequenceError, read, sentences
from governance.policy.differences import summed
from governance.policy.examples import Result, results
from governance.policy.facts import declarations
from governance.policy.kept import value
from governance.policy.listing import Said
from governance.policy.models import PolicyExample, PolicyRuleVersion
from governance.policy.states import Change, Mode, OutcomeKind, VersionState
from governance.policy.words import said
from governance.web.policy.forms import FOLLOWS, MODES, WordingForm
from governance.web.shapes import Act


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


def modes(form: WordingForm) -> list[Choice]:
    """How far it can reach, with what is chosen."""
    chosen = form["mode"].value()
    return [Choice(value, mode(value), two, value == chosen) for value, two in MODES]


def editor(form: WordingForm) -> dict[str, Any]:
    """What the editor's page takes besides its title."""
    return {"form": form, "choices": choices(form), "modes": modes(form), "facts": facts()}


@dataclass(frozen=True, slots=True)
class Example:
    """An example, and what the version shown makes of it."""

    title: str
    expected: str
    facts: Sequence[str]
    passed: bool
    said: str
    drop_url: str


def examples(of: PolicyRuleVersion, kept: Sequence[PolicyExample]) -> list[Example]:
    """The rule's examples, run against the version."""
    return [_example(one, result) for one, result in zip(kept, results(of, kept), strict=True)]


def _example(one: PolicyExample, result: Result) -> Example:
    outcome = f": {OutcomeKind(one.outcome).label.lower()}" if one.outcome else ""
    expected = f"Applies{outcome}" if one.applies else "Does not apply"
    facts = [f"{name} is {_fact(name, kept)}" for name, kept in one.changed_facts.items()]
    url = reverse("rule-example-drop", args=[one.pk])
    return Example(one.title, expected, facts, result.passed, result.said, url)


def _fact(name: str, kept: Any) -> str:
    return said(value(name, kept)) if name in {one.name for one in declarations()} else "not known any more"


def dropping(example: PolicyExample, form: Form) -> Act:
    """The form that lets an example go."""
    back = reverse("rule-detail", args=[example.rule_id])
    url = reverse("rule-example-drop", args=[example.pk])
    text = "It is no test of the rule any more. That it was one stays on record."
    return Act("drop", "Let it go", f"Let “{example.title}” go", text, url, back, form, "danger")


NOT_REHEARSED = "Replay it first: nobody knows yet what it means to live leases."
PROPOSING = {
    "publish": (
        "Propose to publish",
        "Publish {}",
        "Whoever answers for the rule says yes, and nobody who wrote it. {}",
    ),
    "retire": ("Propose to retire", "Retire {}", "It ends when whoever answers for the rule has said yes."),
}


def proposing(of: PolicyRuleVersion, verb: str, form: Form) -> Act:
    """The form that proposes to publish or retire a version, and what that does."""
    name, title, text = PROPOSING[verb]
    where = [of.rule.key, of.number]
    back = reverse("rule-version", args=where)
    url = reverse(f"rule-version-{verb}", args=where)
    shown = next((one.words for one in rehearsals(of)), NOT_REHEARSED) if verb == "publish" else ""
    return Act(verb, name, title.format(of), text.format(shown), url, back, form, leave="Not now")


def replaying(of: PolicyRuleVersion, form: Form) -> Act:
    """The form that begins a replay, and what that does."""
    where = [of.rule.key, of.number]
    text = "What was decided is judged again with this version. It changes nothing."
    url, back = reverse("rule-version-replay", args=where), reverse("rule-version", args=where)
    return Act("replay", "Replay", f"Replay {of}", text, url, back, form, leave="Not now")


def stopping(found: Replay, form: Form) -> Act:
    """The form that stops a replay."""
    url, back = reverse("replay-stop", args=[found.pk]), reverse("replay-detail", args=[found.pk])
    return Act("stop", "Stop", f"Stop {found}", "What it has found is kept.", url, back, form, "danger", "Go on")


@dataclass(frozen=True, slots=True)
class Carried:
    """What a version has meant to live leases so far, or from when on it will be known."""

    state: str
    why: str
    denied: str
    due_at: datetime
    fates: Sequence[tuple[str, int]]


def reevaluated(found: Reevaluation) -> Carried:
    """A re-evaluation; needs its progress. Before the first lease is judged there are no figures."""
    counts = found.counts if found.counts is not None else found.progress.counts
    fates = [(str(fate.label), counts.get(fate.value, 0)) for fate in Fate] if counts else []
    return Carried(found.state, found.state_reason, str(Denied(found.denied).label), found.due_at, fates)


@dataclass(frozen=True, slots=True)
class ReplayRow:
    """A replay as a line, and how far it has come: `percent` of what there is to read."""

    ref: str
    url: str
    version: str
    version_url: str
    state: str
    reason: str
    since: datetime
    at: datetime
    by: str
    closed_at: datetime | None
    percent: int
    figures: Sequence[tuple[str, int, int]]
    fates: Sequence[tuple[str, int, str]]
    found: int
    kept: int


def replay(found: Replay) -> ReplayRow:
    """One replay; needs its version with its rule, and its progress."""
    counts = found.counts if found.counts is not None else found.progress.counts
    totals = found.progress.totals
    read = sum(one.get("read", 0) for one in counts.values())
    whole = sum(totals.values()) or 1
    return ReplayRow(
        ref=str(found),
        url=reverse("replay-detail", args=[found.pk]),
        version=str(found.version),
        version_url=reverse("rule-version", args=[found.version.rule.key, found.version.number]),
        state=found.state,
        reason=found.state_reason,
        since=found.since,
        at=found.at,
        by=found.started_by,
        closed_at=found.closed_at,
        percent=100 if found.state == ReplayState.DONE else min(99, read * 100 // whole),
        figures=_figures(counts),
        fates=_fates(counts),
        found=sum(one.get("changed", 0) for one in counts.values()),
        kept=found.progress.kept,
    )


FIGURES = {
    "read": "Judged again",
    "changed": "Would differ",
    **{str(one.value): str(one.label) for one in Change},
    "not_replayable": "Can't be replayed: a fact is missing",
}


def _figures(counts: Mapping[str, Any]) -> list[tuple[str, int, int]]:
    """What is not nothing, for requests and for grants."""
    requests, grants = (counts.get(source, {}) for source in Source)
    told = [(words, requests.get(name, 0), grants.get(name, 0)) for name, words in FIGURES.items()]
    return [one for one in told if one[1] or one[2] or one[0] in {FIGURES["read"], FIGURES["changed"]}]


def _fates(counts: Mapping[str, Any]) -> list[tuple[str, int, str]]:
    """How many leases would meet which fate, and which findings name them; nothing where they were not sorted."""
    grants = counts.get(Source.GRANT, {})
    if Fate.REVIEW not in grants:
        return []
    named = [one for one in Fate if grants[one] and one != Fate.UNCHANGED]
    return [(str(one.label), grants[one], f"?fate={one}" if one in named else "") for one in Fate]


@dataclass(frozen=True, slots=True)
class FindingRow:
    """A finding as a line."""

    ref: str
    url: str
    holder: str
    access: str
    system: str
    changes: Sequence[str]
    fate: str
    before: str
    after: str


def finding(one: Finding) -> FindingRow:
    """One verdict that would differ."""
    page = "request-detail" if one.source == Source.REQUEST else "grant-detail"
    return FindingRow(
        ref=one.reference,
        url=reverse(page, args=[one.subject_id]),
        holder=one.holder,
        access=one.entitlement,
        system=one.system,
        changes=[str(Change(change).label) for change in one.changes],
        fate=str(Fate(one.fate).label) if one.fate else "",
        before=summed(one.before),
        after=summed(one.after),
    )
