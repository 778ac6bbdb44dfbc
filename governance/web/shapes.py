"""What templates take: plain values in the shapes that several pages share. No row, no queryset."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.forms import Form


@dataclass(frozen=True, slots=True)
class Who:
    """An identity as a line shows it."""

    name: str
    kind: str
    url: str | None = None
    two: str | None = None


@dataclass(frozen=True, slots=True)
class Named:
    """A name with a second line."""

    name: str
    two: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """One stage of an approval route: who is asked or has decided, and when."""

    state: str
    role: str
    who: str
    end: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Comment:
    """What somebody said while a route was open."""

    author: str
    text: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Talk:
    """What was said about a route, and where the visitor can add to it, or remind those who decide, if they may."""

    comments: Sequence[Comment]
    url: str
    remind_url: str = ""


@dataclass(frozen=True, slots=True)
class Exchange:
    """An approver's question and its answer, if there is one yet."""

    asker: str
    question: str
    asked_at: datetime
    answerer: str = ""
    answer: str = ""
    answered_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """The steps of one item; `name` is the item where there are several."""

    name: str
    steps: Sequence[Step]
    talk: Talk | None = None


@dataclass(frozen=True, slots=True)
class Reason:
    """What one rule said, in its words; `mode` is what to say of a rule that is not in force in full.

    `url` is the version that said it, for those who may read it.
    """

    tone: str
    icon: str
    text: str
    rule: str = ""
    version: int | None = None
    mode: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class Assessment:
    """How risky an access is, why, and how often it is reviewed; `name` is the item where there are several."""

    tier: str
    score: int
    factors: str
    cadence: timedelta | None
    name: str = ""


@dataclass(frozen=True, slots=True)
class Policy:
    """What policy said in all; `name` is the item where there are several. Old decisions know no risk."""

    tone: str
    words: str
    reasons: Sequence[Reason]
    risk: Assessment | None
    name: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """The audit event behind a record of a chain, and facts worth opening it for.

    `url` is empty for whoever may not read the log. A fact is a term, its value, and where the term leads, if anywhere.
    """

    ref: str
    hash: str
    sequence: int
    url: str
    facts: Sequence[tuple[str, str, str]] = ()


@dataclass(frozen=True, slots=True)
class Look:
    """One observation in a ledger of them."""

    place: str
    at: datetime
    tone: str
    icon: str
    words: str
    took: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """One record of a chain of custody. `now` marks its open end, `unproven` what follows it as not proven yet."""

    at: datetime
    icon: str
    tone: str
    title: str
    text: str = ""
    quote: str = ""
    gap: str = ""
    now: bool = False
    open: bool = False
    unproven: bool = False
    record: Evidence | None = None
    observations: Sequence[Look] = field(default_factory=tuple)


@dataclass(frozen=True, slots=True)
class Banner:
    """One stated condition of a page."""

    tone: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Point:
    """A line with an icon."""

    icon: str
    text: str
    title: str = ""
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Act:
    """Something that can be done to the thing on a page: in a dialog, or on a page of its own without script.

    `leave` is the verb of the way out.
    """

    id: str
    verb: str
    title: str
    text: str
    url: str
    back: str
    form: Form
    tone: str = "primary"
    leave: str = "Keep it"
