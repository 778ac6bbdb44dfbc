"""A chain of custody in words: what each record says, and the sum of them."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.urls import reverse

from governance.access.models import Verification
from governance.access.states import Proof
from governance.approvals.models import Decision
from governance.audit import permissions as audit
from governance.audit.models import AuditEvent
from governance.core.actor import Actor
from governance.evidence.entries import Chain, Entry, EntryKind
from governance.grants.permissions import told
from governance.policy.models import PolicyDecision
from governance.policy.states import Mode, Phase, StepKind
from governance.policy.words import length
from governance.requests.rules import UNEXPLAINED
from governance.templatetags.leasehold import duration
from governance.web import present
from governance.web.shapes import Evidence, Link, Point

DAY = timedelta(days=1)
EXPIRY: Final = "expiry"
SHOWN_AT_EACH_END: Final = 100
"""Records that a page draws of a chain's beginning and of its end: a removal that is tried for months has thousands."""

Words = tuple[str, str, str]
"""Title, text, and the words quoted from a person."""


@dataclass(frozen=True, slots=True)
class Reads:
    """What a visitor is led on to from a chain: the log, and the rules by their keys."""

    log: bool
    rules: Collection[str]


def links(chain: Chain, actor: Actor, now: datetime) -> list[Link]:
    """The records of a chain as a page draws them, oldest first; only readers of the log are led on to it.

    Of a very long one the middle is left out, and said to be.
    """
    said = told([entry.policy for entry in chain.entries if entry.policy is not None], actor, now)
    entries = [replace(entry, policy=said[entry.policy.pk]) if entry.policy else entry for entry in chain.entries]
    decisions = list(said.values())
    reads = Reads(actor.has(*audit.READERS), present.readable_rules(decisions, actor, now))
    drawn = [
        _link(entry, last, entries[0], reads=reads) for last, entry in zip([None, *entries], entries, strict=False)
    ]
    middle = drawn[SHOWN_AT_EACH_END:-SHOWN_AT_EACH_END]
    return [*drawn[:SHOWN_AT_EACH_END], _left_out(middle), *drawn[-SHOWN_AT_EACH_END:]] if middle else drawn


def _left_out(middle: Sequence[Link]) -> Link:
    title = f"{present.counted(len(middle), 'more record')}, until {present.at_minute(middle[-1].at)}"
    return Link(middle[0].at, "chev", "", title, "Left out of this page: the exported chain has every one of them.")


def _link(entry: Entry, last: Entry | None, first: Entry, *, reads: Reads) -> Link:
    icon, tone, words = DRAWN[entry.kind]
    if entry.kind == EntryKind.POLICY and entry.policy is not None and not entry.policy.allowed:
        tone = "bad"
    title, text, quote = _first_asked(entry) if _is_first_asked(entry, first) else words(entry)
    return Link(
        at=entry.at,
        icon=icon,
        tone=tone,
        title=title,
        text=text,
        quote=quote,
        gap=_gap(entry.at, last, first.at),
        unproven=entry.kind in UNPROVEN,
        record=_evidence(entry, reads=reads) if entry.event is not None else None,
    )


def _gap(at: datetime, last: Entry | None, first: datetime) -> str:
    """How long after the record before it, and on which day of the chain once that is days."""
    if last is None:
        return ""
    since = at - last.at
    if since >= 2 * DAY:
        return f"day {(at - first).days}"
    return "" if since < timedelta(seconds=1) else f"+{duration(since)}"


def _evidence(entry: Entry, *, reads: Reads) -> Evidence:
    event: AuditEvent = entry.event  # type: ignore[assignment]  # the caller has looked
    return Evidence(
        ref=f"Entry {event.sequence:,}",
        hash=bytes(event.leaf_hash).hex(),
        sequence=event.sequence,
        url=reverse("event-detail", args=[event.sequence]) if reads.log else "",
        facts=list(_facts(entry, reads)),
    )


def _facts(entry: Entry, reads: Reads) -> Iterable[tuple[str, str, str]]:
    """What stands in the disclosure beside the hash."""
    yield "Event", entry.event.action if entry.event else "", ""
    if entry.policy is not None:
        yield from _reasons(entry.policy, reads)
    if entry.decision is not None:
        yield "Provenance", entry.decision.get_provenance_display(), ""
        if entry.decision.on_behalf_of is not None:
            yield "On behalf of", entry.decision.on_behalf_of.name, ""
        yield "Session", f"Assurance level {entry.decision.assurance}", ""
        yield from ((term, value, "") for term, value in _kept_with(entry.decision, entry.facts))
    if entry.verification is not None:
        yield from ((term, value, "") for term, value in _look(entry.verification))


def _kept_with(decision: Decision, facts: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    """To how much a yes was said, where else it is written down, and the file that it rests on."""
    if decision.term:
        yield "For at most", length(decision.term)
    if decision.until:
        yield "Until at most", present.at_minute(decision.until)
    if decision.ticket:
        yield "Ticket", decision.ticket
    if "file_sha256" in facts:
        yield "File", f"{facts['file_name']}, SHA-256 {facts['file_sha256']}"


def _reasons(decision: PolicyDecision, reads: Reads) -> Iterable[tuple[str, str, str]]:
    """Why policy said so; rules on trial only for those who read the log."""
    for said in decision.reasons if reads.log else decision.told:
        named = f"{said['rule']} v{said['version']}" if said["rule"] != present.BUILT_IN else "The domain's own rule"
        mode = present.MODES[said.get("mode", Mode.BLOCK)]
        url = present.version_url(said) if said["rule"] in reads.rules else ""
        yield f"{named}, {mode.lower()}" if mode else named, said["text"], url
    yield "Facts", f"SHA-256 {decision.facts_hash}", ""


def _look(seen: Verification) -> Iterable[tuple[str, str]]:
    yield "Observed", f"{seen.get_observation_display()}, {present.at_minute(seen.at)}:{seen.at.astimezone(UTC):%S}"
    yield "Kind of proof", seen.get_proof_display()
    yield "Method", f"{seen.method}, {seen.source}"
    yield "Evidence file" if is_confirmation(seen) else "Raw answer", f"SHA-256 {seen.answer_hash}"
    for path in seen.paths:
        yield "Other path", " → ".join(path)


def _requested(entry: Entry) -> Words:
    return f"Requested by {entry.by}", f"Signed in at assurance level {entry.facts.get('assurance', 0)}.", entry.why


def _policy(entry: Entry) -> Words:
    decision = entry.policy
    if decision is None:
        return "Policy decided", entry.why, ""
    _, words = present.policy_words(decision.allowed, [step["kind"] for step in decision.steps])
    if decision.phase != Phase.ACTIVATION and decision.facts["request"].get("break_glass"):
        return "Policy: break-glass is allowed", entry.why, ""
    if decision.phase == Phase.ACTIVATION:
        title = "Policy still holds" if decision.allowed else "Policy no longer holds"
        return title, "Asked again at activation, with the facts of that moment.", ""
    return f"Policy: {words[0].lower()}{words[1:]}", entry.why, ""


def _is_first_asked(entry: Entry, first: Entry) -> bool:
    """Whether policy was asked at activation of what nobody had submitted."""
    at_activation = entry.policy is not None and entry.policy.phase == Phase.ACTIVATION
    return at_activation and first.kind == EntryKind.FOUNDED


def _first_asked(entry: Entry) -> Words:
    _, words = present.policy_words(bool(entry.policy and entry.policy.allowed), [])
    return "Policy asked at activation", f"With the facts of that moment: {words[0].lower()}{words[1:]}.", ""


def _founded(_entry: Entry) -> Words:
    text = "The command that works once founded the portal. Nobody approved this grant, and it ends by itself."
    return "Founded", text, ""


def _decided(verb: str) -> Callable[[Entry], Words]:
    def words(entry: Entry) -> Words:
        decision = entry.decision
        if decision is None or decision.decider is None:
            return f"{verb} by policy", entry.why, ""
        return f"{verb} by {decision.decider.name}", _role(decision), entry.why

    return words


def _role(decision: Decision) -> str:
    step = decision.step
    of = "" if step is None or step.kind == StepKind.SECURITY else f" of {step.target_label}"
    place = f", in the place of {decision.on_behalf_of}" if decision.on_behalf_of else ""
    role = f"As {step.get_kind_display().lower()}{of}{place}. " if step else ""
    return f"{role}Signed in at assurance level {decision.assurance}."


def _quoted(title: str) -> Callable[[Entry], Words]:
    return lambda entry: (title.format(by=entry.by), "", entry.why)


def _told(title: str) -> Callable[[Entry], Words]:
    return lambda entry: (title.format(by=entry.by), entry.why, "")


def _withdrawn(entry: Entry) -> Words:
    return f"Withdrawn by {entry.by}", "", "" if entry.why == UNEXPLAINED else entry.why


def _started(_entry: Entry) -> Words:
    return "Lease started", "The term runs from here. The system is asked for the access.", ""


def _called(entry: Entry) -> Words:
    return "Provisioned", _attempts(entry), ""


def _handed_over(entry: Entry) -> Words:
    due = datetime.fromisoformat(str(entry.facts["due_at"]))
    return "Given to a person", f"{entry.why}. It is due {present.at_minute(due)}.", ""


def _done_by_hand(entry: Entry) -> Words:
    return f"Done by {entry.by}", f"Evidence: {entry.facts['evidence_name']}. It waits to be confirmed.", entry.why


def _removal_called(entry: Entry) -> Words:
    return "Removal asked of the system", _attempts(entry), ""


def _attempts(entry: Entry) -> str:
    made = list(entry.task.attempts.all()) if entry.task else []
    said = next((attempt.said for attempt in reversed(made) if attempt.said), "")
    tries = f"After {present.counted(len(made), 'attempt')}. " if len(made) > 1 else ""
    answer = f"The system answered: {said}" if said else "The system took the call. That proves nothing yet."
    return f"{tries}{answer}"


def _present(entry: Entry) -> Words:
    return f"Verified present{_by_whom(entry)}", _seen(entry), ""


def _by_whom(entry: Entry) -> str:
    """What marks a proof that is no reading of the system."""
    return ", by a person's confirmation" if is_confirmation(entry.verification) else ""


def is_confirmation(seen: Verification | None) -> bool:
    """Whether people stand in for reading the system."""
    return seen is not None and seen.proof == Proof.CONFIRMATION


def _seen(entry: Entry) -> str:
    seen = entry.verification
    if seen is not None and is_confirmation(seen):
        return f"{seen.source}. {seen.detail}. No program can read this system."
    return f"Read back from {seen.source}. {seen.detail}".strip() if seen else entry.why


def _removed(entry: Entry) -> Words:
    return f"Revoked, verified absent{_by_whom(entry)}", _seen(entry), ""


def _supported(entry: Entry) -> Words:
    return "Over, nothing was removed", f"{entry.facts['state_reason']}.", ""


def _ended(entry: Entry) -> Words:
    if entry.by == EXPIRY:
        return "Lease ended", "The term was over. Nobody had to do anything.", ""
    return f"Ended early by {entry.by}", "", entry.why


def _reminded(entry: Entry) -> Words:
    return "Reminded of the end", f"{present.all_of(list(entry.people))}: {entry.why}.", ""


DRAWN: Mapping[EntryKind, tuple[str, str, Callable[[Entry], Words]]] = {
    EntryKind.FOUNDED: ("seal", "note", _founded),
    EntryKind.TAKEN: ("alert", "bad", _quoted("{by} took it at once")),
    EntryKind.REVIEWED: ("eye", "ok", _quoted("Reviewed by {by}")),
    EntryKind.CLOSED: ("check", "ok", _told("Closed by {by}")),
    EntryKind.REQUESTED: ("pen", "ok", _requested),
    EntryKind.POLICY: ("scale", "ok", _policy),
    EntryKind.APPROVED: ("check", "ok", _decided("Approved")),
    EntryKind.CONSENTED: ("check", "ok", _decided("Consented")),
    EntryKind.REJECTED: ("cross", "bad", _decided("Rejected")),
    EntryKind.ASKED: ("question", "warn", _quoted("{by} asks")),
    EntryKind.ANSWERED: ("pen", "ok", _quoted("{by} answers")),
    EntryKind.REASSIGNED: ("arrow", "", _quoted("Handed on by {by}")),
    EntryKind.ESCALATED: ("alert", "warn", _told("Escalated")),
    EntryKind.SKIPPED: ("arrow", "", _told("A step was skipped")),
    EntryKind.STEP_EXPIRED: ("lapse", "warn", _told("Nobody decided in time")),
    EntryKind.WITHDRAWN: ("back", "", _withdrawn),
    EntryKind.CANCELLED: ("cross", "bad", _told("Cancelled, nothing was provisioned")),
    EntryKind.STARTED: ("calendar", "ok", _started),
    EntryKind.CALLED: ("plug", "ok", _called),
    EntryKind.CALL_FAILED: ("alert", "warn", _told("An attempt failed")),
    EntryKind.HANDED_OVER: ("pen", "note", _handed_over),
    EntryKind.DONE_BY_HAND: ("check", "note", _done_by_hand),
    EntryKind.SENT_BACK: ("back", "warn", _quoted("Sent back by {by}")),
    EntryKind.FAILED: ("alert", "bad", _told("Provisioning failed")),
    EntryKind.PRESENT: ("eye", "ok", _present),
    EntryKind.OWNER_CHANGED: ("arrow", "", _told("Another owner answers for it")),
    EntryKind.REMINDED: ("clock", "", _reminded),
    EntryKind.ENDED: ("end", "", _ended),
    EntryKind.REMOVAL_CALLED: ("leave", "warn", _removal_called),
    EntryKind.REMOVAL_FAILED: ("alert", "bad", _told("Removal not verified")),
    EntryKind.REMOVED: ("seal", "ok", _removed),
    EntryKind.SUPPORTED: ("arrow", "", _supported),
}

UNPROVEN = frozenset(
    {
        EntryKind.HANDED_OVER,
        EntryKind.DONE_BY_HAND,
        EntryKind.SENT_BACK,
        EntryKind.ENDED,
        EntryKind.REMOVAL_CALLED,
        EntryKind.REMOVAL_FAILED,
        EntryKind.CALL_FAILED,
    }
)
"""After these nothing is proven until the next record."""


def trust(chain: Chain) -> Point | None:
    """Whether the records can be trusted, from how many of them the tree seals."""
    total = len(chain.events)
    if not total:
        return None
    if chain.sealed == total:
        text = f"All {total} records are sealed in the signed tree. None can be altered or taken out unseen."
        return Point("seal", text, "Sealed", "ok")
    text = f"{chain.sealed} of {total} records are sealed. The others follow within seconds."
    return Point("clock", text, "Not all sealed yet", "note")
