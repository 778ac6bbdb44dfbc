"""Sources and runs as plain values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.forms import Form
from django.urls import reverse

from governance.identities.states import Status
from governance.lifecycle.feeds import SHOWN
from governance.lifecycle.models import FeedRun, Source
from governance.lifecycle.states import WAITING, RunState
from governance.web.present import all_of, counted
from governance.web.shapes import Act, Banner

DONE = {"created": "Created", "updated": "Changed", "ended": "Ended"}
PLANNED = {"created": "Would create", "updated": "Would change", "ended": "Would end"}
BESIDES = {
    "ending": "Given a nearer last day",
    "unchanged": "Unchanged",
    "repeated": "Rows that repeat another",
    "missing": "Known and not in the file",
    "rejected": "Rows that change nothing",
    "failed": "Could not be done",
}
VERBS = {"created": "create", "updated": "change", "ended": "end"}


@dataclass(frozen=True, slots=True)
class Row:
    """A run as a line of the list."""

    ref: str
    url: str
    file: str
    source: str
    state: str
    read_at: datetime
    read_by: str
    did: str


@dataclass(frozen=True, slots=True)
class SourceRow:
    """A source as a line."""

    name: str
    url: str
    key: str


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody whom a file creates, changes or ends, with what it means for them."""

    row: str
    name: str
    two: str
    what: str


@dataclass(frozen=True, slots=True)
class Part:
    """The people of one kind of change; `more` are those who are not named."""

    id: str
    title: str
    people: Sequence[Person]
    more: int


@dataclass(frozen=True, slots=True)
class Detail:
    """A run as its page shows it."""

    ref: str
    state: str
    file: str
    source: str
    source_url: str
    digest: str
    strict: bool
    read_at: datetime
    read_by: str
    decided_by: str
    decided_at: datetime | None
    closed_at: datetime | None
    reason: str
    figures: Sequence[tuple[str, int]]
    parts: Sequence[Part]
    rejected: Sequence[Mapping[str, Any]]
    more_rejected: int
    failed: Sequence[Mapping[str, Any]]


def row(run: FeedRun) -> Row:
    """A run as a line."""
    counts = (run.outcome or run.preview)["counts"]
    did = _did(counts) if run.outcome else _would(counts)
    bad = f"; {counted(counts['rejected'], 'bad row')}" if counts["rejected"] else ""
    url = reverse("feed-run-detail", args=[run.pk])
    return Row(str(run), url, run.file_name, run.source.name, run.state, run.read_at, run.read_by, f"{did}{bad}")


def _did(counts: Mapping[str, int]) -> str:
    said = all_of([f"{counts[name]:,} {words.lower()}" for name, words in DONE.items() if counts[name]])
    return said or "Nobody changed"


def _would(counts: Mapping[str, int]) -> str:
    said = all_of([f"{verb} {counts[name]:,}" for name, verb in VERBS.items() if counts[name]])
    return f"Would {said or 'change nobody'}"


def source(one: Source) -> SourceRow:
    """A source as a line."""
    return SourceRow(one.name, reverse("source-detail", args=[one.pk]), one.key)


def detail(run: FeedRun) -> Detail:
    """A run with what it would do, or did."""
    return Detail(
        ref=str(run),
        state=run.state,
        file=run.file_name,
        source=run.source.name,
        source_url=reverse("source-detail", args=[run.source_id]),
        digest=run.digest,
        strict=run.strict,
        read_at=run.read_at,
        read_by=run.read_by,
        decided_by=run.decided_by,
        decided_at=run.decided_at,
        closed_at=run.closed_at,
        reason=run.state_reason,
        figures=_figures(run),
        parts=[part for part in _parts(run) if part.people],
        rejected=run.rejected[:SHOWN],
        more_rejected=len(run.rejected[SHOWN:]),
        failed=(run.outcome or {}).get("failed", [])[:SHOWN],
    )


def _titles(run: FeedRun) -> Mapping[str, str]:
    return DONE if run.outcome else PLANNED


def _figures(run: FeedRun) -> list[tuple[str, int]]:
    """What is not nothing, with those who stay as they are in any case."""
    counts = (run.outcome or run.preview)["counts"]
    words = {**_titles(run), **BESIDES}
    return [(words[name], counts[name]) for name in words if counts.get(name) or name == "unchanged"]


def _parts(run: FeedRun) -> list[Part]:
    preview, titles = run.preview, _titles(run)
    drawn = {"ended": _leaver, "created": _joiner, "updated": _mover}
    return [
        Part(name, titles[name], [draw(one) for one in preview[name]], preview["counts"][name] - len(preview[name]))
        for name, draw in drawn.items()
    ]


def _leaver(one: Mapping[str, Any]) -> Person:
    lost = [
        counted(one["grants"], "grant") + (" ends" if one["grants"] == 1 else " end") if one["grants"] else "",
        counted(one["owned"], "thing") + " owned" if one["owned"] else "",
        counted(one["answered"], "grant") + " answered for" if one["answered"] else "",
    ]
    passes = all_of([words for words in lost[1:] if words])
    said = [lost[0], f"{passes} pass on" if passes else ""]
    return Person(_place(one["row"]), one["name"], one["why"].capitalize(), _sentence(said, "Nothing ends with it"))


def _joiner(one: Mapping[str, Any]) -> Person:
    two = ", ".join(filter(None, [one["title"], one["department"]]))
    state = "" if one["state"] == Status.ACTIVE else f"{Status(one['state']).label.lower()}"
    manager = f"manager {one['manager']}" if one["manager"] else "no manager"
    return Person(_place(one["row"]), one["name"], two, _sentence([one["kind"], state, manager], ""))


def _mover(one: Mapping[str, Any]) -> Person:
    changes = [f"{name} becomes {value}" for name, value in one["changes"]]
    states = [f"becomes {Status(state).label.lower()}" for state in one["states"]]
    return Person(_place(one["row"]), one["name"], "", _sentence([*changes, *states], ""))


def _place(number: int | None) -> str:
    return str(number) if number else ""


def _sentence(parts: Sequence[str], otherwise: str) -> str:
    words = ", ".join(filter(None, parts)) or otherwise
    return f"{words[:1].upper()}{words[1:]}"


def banner(run: FeedRun, newer: FeedRun | None) -> Banner | None:
    """What the page has to say first; `newer` is a file that was read later and has its yes."""
    ends = run.preview["ends"]
    if newer:
        return Banner("note", f"{newer} came after it and is accepted", "This one can only be discarded.")
    if run.state == RunState.HELD:
        return Banner("warn", "Held: nobody is ended before somebody has looked", run.state_reason)
    if run.state == RunState.REFUSED:
        return Banner("bad", "Nothing was changed", run.state_reason)
    if run.state in WAITING and run.preview["unsure"]:
        return Banner(
            "warn", "Nobody missing is ended", "A row's key is missing or in doubt: it may be any of the missing."
        )
    if run.state in WAITING and ends["grants"]:
        words = f"{counted(ends['grants'], 'grant')} of the leavers {'ends' if ends['grants'] == 1 else 'end'} at once."
        return Banner("note", "Access is removed", words)
    return None


def accepting(run: FeedRun, form: Form) -> Act:
    """Saying yes."""
    counts = run.preview["counts"]
    did = all_of([f"{verb}s {_people(counts[name])}" for name, verb in VERBS.items() if counts[name]])
    later = f" {_people(counts['ending']).capitalize()} end on a last day to come." if counts["ending"] else ""
    gone = " Whoever ends loses their access at once, and no other file undoes that." if counts["ended"] else ""
    return Act(
        "apply",
        "Apply",
        f"Apply {run.file_name}",
        f"It {did or 'changes nobody'}.{later}{gone}",
        _url(run, "accept"),
        _url(run, "detail"),
        form,
        tone="danger" if counts["ended"] or counts["ending"] else "primary",
        leave="Look again",
    )


def _people(count: int) -> str:
    return "1 person" if count == 1 else f"{count:,} people"


def discarding(run: FeedRun, form: Form) -> Act:
    """Saying no."""
    text = "Nothing is changed, and the file itself is kept no longer."
    title = f"Discard {run.file_name}"
    return Act("discard", "Discard", title, text, _url(run, "discard"), _url(run, "detail"), form)


def _url(run: FeedRun, what: str) -> str:
    return reverse(f"feed-run-{what}", args=[run.pk])
