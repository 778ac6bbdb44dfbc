"""Audit events as their pages show them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from django.http import QueryDict
from django.urls import reverse
from django.utils.text import Truncator

from governance.approvals.models import ApprovalRoute, ApprovalStep, Question
from governance.audit.models import AuditEvent
from governance.audit.queries import Proof
from governance.core.paging import AFTER, BEFORE
from governance.requests.models import RequestItem

PAGES = {
    "access_request": "request-detail",
    "break_glass": "break-glass-detail",
    "grant": "grant-detail",
    "proposed_change": "change-detail",
}
"""Kinds of subject with a page of their own, which whoever reads the log may see."""

REDACTED = "redacted"

LONGEST_REASON = 160
"""Characters of a reason that a list shows; the entry itself has all of it."""

Pages = Mapping[UUID, str]
"""The address of each subject's page, for those that have one or stand on one."""


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the log. The subject leads to its page, or to all of its entries."""

    sequence: int
    at: datetime
    event: str
    subject: str
    subject_url: str
    why: str
    actor: str
    hash: str
    sealed: bool


def rows(events: Sequence[AuditEvent], sealed: Collection[int]) -> list[Row]:
    """Events of a list; `sealed` are the sequences that the tree holds. Two queries."""
    pages = pages_of(events)
    return [_row(event, pages, sealed=event.sequence in sealed) for event in events]


def _row(event: AuditEvent, pages: Pages, *, sealed: bool) -> Row:
    said = event.content
    return Row(
        sequence=event.sequence,
        at=event.at,
        event=event.action,
        subject=said["subject"]["label"] if said else REDACTED,
        subject_url=pages.get(event.subject_id) or history_url(event.subject_id),
        why=Truncator(said["reason"]).chars(LONGEST_REASON) if said else "",
        actor=said["actor"]["label"] if said else REDACTED,
        hash=bytes(event.leaf_hash).hex(),
        sealed=sealed,
    )


def history_url(subject_id: UUID) -> str:
    """All entries of one subject."""
    return f"{reverse('event-list')}?subject={subject_id}"


def pages_of(events: Sequence[AuditEvent]) -> dict[UUID, str]:
    """Where subjects lead: a step, a route or a question to its request, in two queries whatever the events."""
    ids = {event.subject_id for event in events}
    routes = ApprovalRoute.objects.filter(pk__in=ids).values_list("pk", "subject_id")
    steps = ApprovalStep.objects.filter(pk__in=ids).values_list("pk", "route__subject_id")
    questions = Question.objects.filter(pk__in=ids).values_list("pk", "step__route__subject_id")
    about = dict(routes.union(steps, questions, all=True))
    requests = dict(RequestItem.objects.filter(pk__in=ids | set(about.values())).values_list("pk", "request_id"))
    found = {pk: item for pk, item in ((pk, about.get(pk, pk)) for pk in ids) if item in requests}
    pages = {pk: reverse("request-detail", args=[requests[item]]) for pk, item in found.items()}
    own = [event for event in events if event.subject_kind in PAGES]
    return pages | {event.subject_id: reverse(PAGES[event.subject_kind], args=[event.subject_id]) for event in own}


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter that only a link has set: what it narrows the list to, and the list without it."""

    words: str
    url: str


def chips(query: QueryDict, subject: UUID | None, actor: UUID | None) -> list[Chip]:
    """The links' filters in words: "Only G-1003", "Only by Lena Fischer"."""
    found = []
    if subject:
        found.append(Chip(f"Only {_called('subject', subject)}", _without(query, "subject")))
    if actor:
        found.append(Chip(f"Only by {_called('actor', actor)}", _without(query, "actor")))
    return found


def _called(part: Literal["subject", "actor"], pk: UUID) -> str:
    """What the last event that still has its body calls the thing; one query."""
    of = AuditEvent.objects.filter(**{f"{part}_id": pk}, body__isnull=False).select_related("body")
    last = of.order_by("-sequence").first()
    return last.content[part]["label"] if last and last.content else "one that no entry names"


def _without(query: QueryDict, name: str) -> str:
    """The same list from its beginning without one of its filters."""
    other = query.copy()
    for key in (name, AFTER, BEFORE):
        other.pop(key, None)
    return f"{reverse('event-list')}?{other.urlencode()}".rstrip("?")


@dataclass(frozen=True, slots=True)
class Detail:
    """One event in full, with what proves it."""

    row: Row
    title: str
    sentence: str
    reason: str
    body: str | None
    kind: str
    history_url: str
    proof_url: str


def detail(event: AuditEvent, proof: Proof | None) -> Detail:
    """One event, its canonical line, and where its proof lies."""
    row = _row(event, pages_of([event]), sealed=proof is not None)
    said = event.content
    return Detail(
        row=row,
        title=f"{row.subject} {_happened(event.action)}",
        sentence=f"By {row.actor}.",
        reason=said["reason"] if said else "",
        body=event.body.line if said else None,
        kind=event.subject_kind.replace("_", " "),
        history_url=history_url(event.subject_id),
        proof_url=reverse("event-proof", args=[event.sequence]) if proof else "",
    )


HAPPENED: Mapping[str, str] = {
    "decision.approve": "was approved",
    "decision.consent": "was consented to",
    "decision.reject": "was rejected",
    "decision.timeout": "was not decided in time",
    "decision.return": "was returned with a question",
    "access_request.in_review": "went into review",
    "user.signed_in": "signed in",
    "user.refused": "was refused at sign-in",
    "user.confirmed": "confirmed that it was them",
    "user.factor_added": "added a second factor",
    "user.factor_removed": "removed a second factor",
    "user.factors_removed": "lost their second factors to an operator",
    "user.recovery_codes_renewed": "made new recovery codes",
    "user.recovery_code_used": "used a recovery code",
    "user.password_changed": "changed their password",
    "user.password_set": "set a password",
    "user.password_reset": "reset their password",
    "user.sessions_ended": "ended their other sessions",
    "user.linked": "was linked to somebody at the provider",
    "sign_in.refused": "was not let in",
    "grant.owner_changed": "got another owner",
    "grant.provisioning_failed": "could not be provisioned",
    "grant.revocation_failed": "could not be revoked",
}


def _happened(action: str) -> str:
    """An action as the verb of a sentence: "became active", "was submitted"."""
    verb = action.rpartition(".")[2].replace("_", " ")
    if verb in {"expired", "failed", "succeeded"}:
        return verb
    return HAPPENED.get(action, f"was {verb}" if verb.endswith("ed") else f"became {verb}")


@dataclass(frozen=True, slots=True)
class Inclusion:
    """The proof that an event is in the tree, step by step."""

    index: int
    size: int
    hashes: Sequence[str]
    note: str


def inclusion(proof: Proof) -> Inclusion:
    """The proof as a page shows it."""
    return Inclusion(proof.index, proof.size, [value.hex() for value in proof.hashes], proof.note)
