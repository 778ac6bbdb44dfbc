"""Grants as their pages show them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.forms import Form
from django.urls import reverse

from governance.audit.models import AuditEvent
from governance.audit.queries import events_of
from governance.core.actor import Actor
from governance.evidence.entries import Chain, EntryKind
from governance.grants.models import Grant
from governance.grants.states import NOT_STARTED, STANDING, UNPROVEN, Basis, GrantState
from governance.identities.models import Identity
from governance.identities.queries import owners_of
from governance.identities.states import OwnerRole
from governance.provisioning.models import ManualTask
from governance.provisioning.states import ManualState
from governance.requests.models import RequestItem
from governance.templatetags.leasehold import duration
from governance.web import chains, present
from governance.web.chains import EXPIRY
from governance.web.requests.forms import as_long_as
from governance.web.shapes import Act, Banner, Named, Point, Who


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the list."""

    url: str
    entitlement: str
    system: str
    holder: Who
    purpose: str
    owner: str
    starts_at: datetime | None
    ends_at: datetime
    state: str
    note: str = ""


def row(grant: Grant, now: datetime) -> Row:
    """One grant of a list; needs its names."""
    return Row(
        url=reverse("grant-detail", args=[grant.pk]),
        entitlement=grant.entitlement.name,
        system=grant.entitlement.system.name,
        holder=present.who(grant.identity),
        purpose=str(grant.purpose),
        owner=grant.accountable_owner.name,
        starts_at=None if grant.state in NOT_STARTED else grant.starts_at,
        ends_at=grant.ends_at,
        state=present.shown_state(grant, now),
    )


@dataclass(frozen=True, slots=True)
class Detail:
    """One grant in full."""

    pk: UUID
    ref: str
    entitlement: str
    system: str
    risk: str
    sentence: str
    state: str
    holder: Who
    purpose: Named
    owner: str
    backup_owner: str
    basis: str
    request_url: str | None
    approved_by: str
    term: timedelta
    starts_at: datetime | None
    ends_at: datetime
    account: str
    note: str = ""


def detail(grant: Grant, chain: Chain, now: datetime) -> Detail:
    """One grant in full."""
    started = grant.state not in NOT_STARTED
    basis, basis_url = _basis(grant)
    return Detail(
        pk=grant.pk,
        ref=str(grant),
        entitlement=grant.entitlement.name,
        system=grant.entitlement.system.name,
        risk=grant.entitlement.risk,
        sentence=_sentence(grant, now),
        state=present.shown_state(grant, now),
        holder=present.who(grant.identity),
        purpose=present.purpose(grant.purpose),
        owner=grant.accountable_owner.name,
        backup_owner=present.any_of([one.name for one in _backups(grant, now)]),
        basis=basis,
        request_url=basis_url,
        approved_by=present.all_of(_deciders(chain)),
        term=grant.ends_at - grant.starts_at if started else grant.term or grant.ends_at - now,
        starts_at=grant.starts_at if started else None,
        ends_at=grant.ends_at,
        account=grant.assignment.account.login if grant.assignment else "",
        note=_proof(grant, chain),
    )


def _basis(grant: Grant) -> tuple[str, str | None]:
    """What the lease rests on, and where that has its page."""
    if grant.basis == Basis.BREAK_GLASS:
        return f"{grant.get_basis_display()}, {grant.purpose}", reverse("break-glass-detail", args=[grant.source_id])
    item = RequestItem.objects.filter(pk=grant.source_id).select_related("request").first()
    if item is None:
        return grant.get_basis_display(), None
    return f"Request {item.request}", reverse("request-detail", args=[item.request_id])


PROVEN = frozenset({GrantState.ACTIVE, GrantState.REVOKED})


def _proof(grant: Grant, chain: Chain) -> str:
    """What marks a state that rests on people's word: the kind of its proof."""
    looks = [entry.verification for entry in chain.entries if entry.verification is not None]
    confirmed = grant.state in PROVEN and looks and chains.is_confirmation(looks[-1])
    return "a person's confirmation" if confirmed else ""


def _backups(grant: Grant, now: datetime) -> Sequence[Identity]:
    return owners_of("purpose", grant.purpose_id, now, role=OwnerRole.BACKUP_OWNER)


def _deciders(chain: Chain) -> list[str]:
    decided = [entry.decision for entry in chain.entries if entry.kind == EntryKind.APPROVED]
    return [decision.decider.name if decision and decision.decider else "policy" for decision in decided]


def _sentence(grant: Grant, now: datetime) -> str:
    """The lease in a sentence, in the tense that fits."""
    purpose, holder = grant.purpose.name, grant.identity.name
    if grant.state == GrantState.CANCELLED:
        return f"Approved for {holder} for {purpose}, and cancelled before it began."
    if grant.state == GrantState.SCHEDULED:
        return f"Approved for {holder} for {purpose}. It begins {present.at_minute(grant.starts_at)}."
    if grant.state in NOT_STARTED:
        return f"Approved for {holder} for {purpose}. It begins once it is activated."
    verb = "Leased" if grant.state in STANDING and grant.ends_at > now else "Was leased"
    period = f"{present.at_minute(grant.starts_at)} to {present.at_minute(grant.ends_at)}"
    return f"{verb} to {holder} for {purpose}, {period}."


def banner(grant: Grant, now: datetime) -> Banner | None:
    """The one condition of the grant that somebody should know of."""
    shown = present.shown_state(grant, now)
    if shown == "ended" or grant.state in UNPROVEN:
        age = duration(now - grant.ends_at)
        failed = grant.state == GrantState.REVOCATION_FAILED
        said = grant.state_reason if failed and grant.state_reason else "Every decision at the moment of use says no."
        return Banner("bad" if failed else "warn", "Ended, but removal is not verified", f"Since {age}. {said}")
    if grant.state == GrantState.PROVISIONING_FAILED:
        return Banner("bad", "Approved, but it could not be provisioned", grant.state_reason)
    if grant.state == GrantState.CANCELLED:
        return Banner("bad", "Nothing was provisioned", grant.state_reason)
    return None


def next_points(grant: Grant, renewal: Grant | None, now: datetime) -> list[Point]:
    """What happens next, if nobody does anything; `renewal` is what is to follow."""
    waiting = _by_hand(grant)
    return waiting or _by_itself(grant, renewal, now)


def _by_hand(grant: Grant) -> list[Point]:
    """What people have to do for it, if it waits for them."""
    if grant.state not in {GrantState.PROVISIONING, *UNPROVEN}:
        return []
    manual = ManualTask.objects.waiting().filter(task__assignment=grant.assignment_id).first()
    if manual is None:
        return []
    done = manual.state == ManualState.DONE
    text = "Somebody has done it; somebody else has to confirm it." if done else "A person has a task for it."
    return [Point("pen", f"{text} It is due {present.at_minute(manual.due_at)}, and never given up.")]


def _by_itself(grant: Grant, renewal: Grant | None, now: datetime) -> list[Point]:
    match present.shown_state(grant, now):
        case GrantState.APPROVED | GrantState.SCHEDULED:
            return [Point("scale", "Policy is asked again. If it still holds, the term begins.")]
        case GrantState.PROVISIONING | GrantState.PROVISIONING_FAILED:
            return [Point("eye", "The system is read back. Only then is the grant active."), _end(grant)]
        case GrantState.ACTIVE | GrantState.SUSPENDED:
            return [_end(grant), _after(renewal)]
        case "ended" | GrantState.REVOKING | GrantState.REVOCATION_FAILED:
            return [Point("leave", "The removal is tried until the access is verified absent. It never gives up.")]
    return []


def _end(grant: Grant) -> Point:
    return Point("end", f"It ends by itself on {present.at_minute(grant.ends_at)}.")


def _after(renewal: Grant | None) -> Point:
    """What comes of the access at the end: it goes on by a renewal, or is removed."""
    if renewal is not None:
        return Point("seal", f"Then it goes on by {renewal}, if policy still holds. The access is not removed.")
    return Point("seal", "Then the access is removed, and its absence verified.")


TERM_OVER = "The term was over."


def causes_of_end(grants: Sequence[Grant], actor: Actor) -> dict[UUID, str]:
    """Why each of the grants came to its end, as the log has it: by whom and for what reason. One query."""
    events = events_of([grant.pk for grant in grants]).filter(action=f"{Grant.NOUN}.{GrantState.REVOKING}")
    causes = {grant.pk: TERM_OVER for grant in grants}
    for event in reversed(events):
        causes[event.subject_id] = _cause(event, actor)
    return causes


def _cause(event: AuditEvent, actor: Actor) -> str:
    """The first end of a grant in a sentence; the portal's own name for its sweep of expired terms says nothing."""
    said = event.content
    if said is None:
        return "Ended early."
    by, reason = said["actor"]["label"], said["reason"]
    if by == EXPIRY:
        return TERM_OVER
    who = "you" if event.actor_id in {actor.user_id, *actor.identity_ids} else by
    return f"Ended early by {who}: {reason}" if reason else f"Ended early by {who}."


def ending(grant: Grant, renewal: Grant | None, verb: str, form: Form) -> Act:
    """The form that ends a grant early, and what it does, also to the renewal that was to follow."""
    holder, system = grant.identity.name, grant.entitlement.system.name
    lost = f" {renewal}, which was to follow, never begins." if renewal else ""
    gone = f"The access is removed from {system}, and its absence is verified.{lost}"
    back = reverse("grant-detail", args=[grant.pk])
    if verb == "revoke":
        text = f"You end the lease of {holder} now. {gone}"
        return Act(
            "revoke", "Revoke", f"Revoke {grant}", text, reverse("grant-revoke", args=[grant.pk]), back, form, "danger"
        )
    if verb == "narrow":
        text = (
            f"The lease of {holder} ends {present.at_minute(grant.ends_at)}. It can end earlier, and never later.{lost}"
        )
        return Act("narrow", "Shorten", f"Shorten {grant}", text, reverse("grant-narrow", args=[grant.pk]), back, form)
    text = f"The lease of {holder} ends now. {gone} A new request is needed to hold it again."
    return Act(
        "hand-back", "Hand back", f"Hand back {grant}", text, reverse("grant-hand-back", args=[grant.pk]), back, form
    )


def renewal(grant: Grant, form: Form) -> Act:
    """The form that asks for the lease to go on, and what comes of it."""
    text = (
        f"A new lease begins where this one ends, {present.at_minute(grant.ends_at)}, if policy and approvers agree."
        f" {grant.identity.name} never loses the access in between."
    )
    form.initial.setdefault("term", as_long_as(grant.ends_at - grant.starts_at))
    back, url = reverse("grant-detail", args=[grant.pk]), reverse("grant-renew", args=[grant.pk])
    return Act("renew", "Renew", f"Renew {grant}", text, url, back, form, leave="Let it end")
