"""Audit events as their pages show them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse

from governance.audit.models import AuditEvent
from governance.audit.queries import Proof

PAGES = {"access_request": "request-detail", "grant": "grant-detail"}
"""Kinds of subject with a page that whoever reads the log may see."""

REDACTED = "redacted"


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the log."""

    sequence: int
    at: datetime
    event: str
    subject: str
    subject_url: str
    actor: str
    hash: str
    sealed: bool


def rows(events: Sequence[AuditEvent], sealed: Collection[int]) -> list[Row]:
    """Events of a list; `sealed` are the sequences that the tree holds."""
    return [_row(event, sealed=event.sequence in sealed) for event in events]


def _row(event: AuditEvent, *, sealed: bool) -> Row:
    said = event.content
    return Row(
        sequence=event.sequence,
        at=event.at,
        event=event.action,
        subject=said["subject"]["label"] if said else REDACTED,
        subject_url=_page(event),
        actor=said["actor"]["label"] if said else REDACTED,
        hash=bytes(event.leaf_hash).hex(),
        sealed=sealed,
    )


def _page(event: AuditEvent) -> str:
    name = PAGES.get(event.subject_kind)
    return reverse(name, args=[event.subject_id]) if name else ""


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
    row = _row(event, sealed=proof is not None)
    said = event.content
    return Detail(
        row=row,
        title=f"{row.subject} {_happened(event.action)}",
        sentence=f"By {row.actor}.",
        reason=said["reason"] if said else "",
        body=event.body.line if said else None,
        kind=event.subject_kind.replace("_", " "),
        history_url=f"{reverse('event-list')}?subject={event.subject_id}",
        proof_url=reverse("event-proof", args=[event.sequence]) if proof else "",
    )


HAPPENED: Mapping[str, str] = {
    "decision.approve": "was recorded: approved",
    "decision.reject": "was recorded: rejected",
    "decision.return": "was recorded: returned with a question",
    "access_request.in_review": "went into review",
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
