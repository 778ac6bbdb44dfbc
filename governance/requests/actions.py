"""What people ask: to be leased something, to take that back, to answer an approver."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from governance.access.models import Account
from governance.approvals import moves as approvals
from governance.approvals.models import Question
from governance.approvals.queries import foresee
from governance.catalog.models import Entitlement
from governance.core.actor import Actor
from governance.core.errors import Invalid, NotFound
from governance.core.locking import locked_all, unit_of_work
from governance.core.moves import create, move
from governance.core.seen import AsSeen, unsaid
from governance.grants.models import Grant
from governance.identities.models import Identity
from governance.policy import moves as policy
from governance.policy.builtin import UNCOVERED
from governance.policy.queries import Asking, decide_many
from governance.policy.states import Phase
from governance.policy.verdicts import Verdict
from governance.policy.words import minute
from governance.purposes.models import Purpose
from governance.requests import moves, permissions, queries
from governance.requests.models import AccessRequest, RequestItem
from governance.requests.rules import UNEXPLAINED, Draft, beyond_cap, problems
from governance.requests.states import ItemState, RequestState


@unit_of_work()
def submit(*, draft: Draft, actor: Actor, now: datetime) -> AccessRequest:
    """File a request, have policy decide on each item and open the routes it asks for.

    What breaks the domain's own rules is refused beside the field; what a policy rule denies is recorded as denied.
    The same form sent twice is one request. Raises NotFound for what the actor may not ask for, Invalid.
    """
    _lock_people(draft, actor)
    twin = AccessRequest.objects.filter(form_token=draft.form_token).first()
    if twin is not None:
        return _own(twin, draft, actor)
    proposal = _proposal(draft, actor, now)
    found = dict(problems(draft, now)) or _refusals(proposal, now)
    if found:
        raise Invalid(found)
    return _file(proposal, actor, now)


def preview(*, draft: Draft, actor: Actor, now: datetime) -> "Proposal":
    """What would follow if this were submitted now; nothing is stored. Raises NotFound."""
    return _proposal(draft, actor, now)


def refusals(proposal: "Proposal", now: datetime) -> dict[str, str]:
    """All that is wrong with a proposal, by field, as submission would say it."""
    return dict(problems(proposal.draft, now)) or _refusals(proposal, now)


def foreseen(proposal: "Proposal", now: datetime) -> list["Foreseen"]:
    """Whom each item's steps would ask, by name, if this were submitted now."""
    parties = queries.parties(proposal.requester.pk, proposal.beneficiary.pk, now)
    routes = []
    for entitlement, verdict in proposal.verdicts:
        wish = queries.Wish(proposal.requester, proposal.beneficiary, entitlement, proposal.purpose)
        plans = [queries.plan(step, wish, now) for step in verdict.steps]
        routes.append((entitlement, plans, foresee(plans, parties, now)))
    names = Identity.objects.in_bulk({one.identity_id for *_, asked in routes for step in asked for one in step})
    return [
        Foreseen(entitlement, plan, tuple(names[one.identity_id].name for one in step))
        for entitlement, plans, asked in routes
        for plan, step in zip(plans, asked, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class Foreseen:
    """A step to be, and the names of those it would ask."""

    entitlement: Entitlement
    plan: approvals.StepPlan
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Proposal:
    """A request with everything it names loaded, and what policy says of each item."""

    draft: Draft
    requester: Identity
    beneficiary: Identity
    purpose: Purpose
    verdicts: Sequence[tuple[Entitlement, Verdict]]


def _lock_people(draft: Draft, actor: Actor) -> None:
    """Hold all that is asked about first, so that what is read of it still holds when the request is filed."""
    locked_all(Purpose.objects.filter(pk=draft.purpose_id), share=True)
    locked_all(Entitlement.objects.filter(pk__in=draft.entitlement_ids), share=True)
    locked_all(Identity.objects.filter(pk__in={draft.beneficiary_id, *actor.identity_ids}))


def _own(twin: AccessRequest, draft: Draft, actor: Actor) -> AccessRequest:
    """The request that the same form has filed. A form sent again with other words is not that request."""
    if twin.requester_id not in actor.identity_ids:
        raise Invalid({"form_token": "This form has been sent by somebody else. Open it anew."})
    filed = (twin.beneficiary_id, twin.purpose_id, twin.justification, twin.term, twin.wanted_until)
    stated = (draft.beneficiary_id, draft.purpose_id, draft.justification.strip(), draft.term, draft.until)
    if filed != stated or set(draft.entitlement_ids) != set(twin.items.values_list("entitlement", flat=True)):
        raise Invalid({"form_token": f"This form was sent already, as {twin}. Open a new one to ask for more."})
    return twin


def _proposal(draft: Draft, actor: Actor, now: datetime) -> Proposal:
    beneficiary = queries.beneficiaries(actor, now).filter(pk=draft.beneficiary_id).first()
    purpose = Purpose.objects.active(now).filter(pk=draft.purpose_id).first()
    wanted = Entitlement.objects.requestable().filter(pk__in=draft.entitlement_ids).select_related("system")
    entitlements = sorted(wanted, key=str)
    requester = Identity.objects.active(now).filter(pk=actor.identity_id).first() if actor.identity_id else None
    if (
        beneficiary is None
        or purpose is None
        or requester is None
        or len(entitlements) != len(set(draft.entitlement_ids))
    ):
        raise NotFound
    asking = Asking(
        identity=beneficiary,
        purpose=purpose,
        requester=requester,
        term=draft.term or (draft.until or now) - now,
        assurance=actor.assurance,
        now=now,
    )
    verdicts = decide_many(asking, entitlements)
    items = [(entitlement, verdicts[entitlement.pk]) for entitlement in entitlements]
    return Proposal(draft, requester, beneficiary, purpose, items)


def _refusals(proposal: Proposal, now: datetime) -> dict[str, str]:
    """What the domain's own rules refuse, by field, in words."""
    found: dict[str, str] = {}
    field = "term" if proposal.draft.term is not None else "until"
    for entitlement, verdict in proposal.verdicts:
        built_in = [reason.text for reason in verdict.denials if reason.built_in and reason is not UNCOVERED]
        too_long = beyond_cap(proposal.draft, verdict.cap, verdict.latest_end, now)
        if built_in:
            found.setdefault("entitlements", " ".join(built_in))
        elif too_long:
            found.setdefault(field, f"{too_long} {verdict.binding.text}")
        elif reason := _held_or_asked(proposal, entitlement, now):
            found.setdefault("entitlements", reason)
    return found


def _held_or_asked(proposal: Proposal, entitlement: Entitlement, now: datetime) -> str | None:
    """Why the item is moot: no account to give it to, already asked for, or already leased for the purpose (rule 6)."""
    who, purpose = proposal.beneficiary, proposal.purpose
    if not Account.objects.filter(identity=who, system=entitlement.system_id).exists():
        return f"{who} has no account on {entitlement.system}."
    if twin := queries.pending_twin(who.pk, entitlement.pk, purpose.pk):
        return f"{twin} already asks for {entitlement} for this purpose."
    standing = Grant.objects.filter(identity=who, entitlement=entitlement, purpose=purpose, ends_at__gt=now)
    if grant := standing.exclude(state="cancelled").first():
        return f"{grant} already leases {entitlement} for this purpose until {minute(grant.ends_at)}."
    return None


def _file(proposal: Proposal, actor: Actor, now: datetime) -> AccessRequest:
    draft = proposal.draft
    request = AccessRequest(
        requester=proposal.requester,
        beneficiary=proposal.beneficiary,
        purpose=proposal.purpose,
        justification=draft.justification.strip(),
        term=draft.term,
        wanted_until=draft.until,
        state=RequestState.SUBMITTED,
        submitted_at=now,
        assurance=actor.assurance,
        form_token=draft.form_token,
    )
    create(request, actor=actor, why=request.justification, now=now)
    move(request, RequestState.IN_REVIEW, actor=actor, why="Policy was asked", now=now)
    items = [_file_item(request, entitlement, verdict, actor, now) for entitlement, verdict in proposal.verdicts]
    for item, (_, verdict) in zip(items, proposal.verdicts, strict=True):
        _follow(item, verdict, actor, now)
    return request


def _file_item(
    request: AccessRequest, entitlement: Entitlement, verdict: Verdict, actor: Actor, now: datetime
) -> RequestItem:
    item = RequestItem(request=request, entitlement=entitlement)
    item.policy_decision = policy.record_decision(
        verdict, phase=Phase.SUBMISSION, subject_kind=RequestItem.NOUN, subject_id=item.pk, actor=actor
    )
    return create(item, actor=actor, why=request.justification, now=now)


def _follow(item: RequestItem, verdict: Verdict, actor: Actor, now: datetime) -> None:
    """Do what policy says of one item: refuse it, ask people, or grant it without a human."""
    why = verdict.why
    if not verdict.allowed:
        moves.close_item(item, ItemState.DENIED, actor=moves.POLICY, why=why, now=now)
    elif verdict.needs_human:
        request = item.request
        wish = queries.Wish(request.requester, request.beneficiary, item.entitlement, request.purpose)
        plans = [queries.plan(step, wish, now) for step in verdict.steps]
        subject = approvals.Subject(RequestItem.NOUN, item.pk, _called(item), request.beneficiary)
        approvals.open_route(subject, item.policy_decision, plans, actor=actor, now=now)
    else:
        subject = approvals.Subject(RequestItem.NOUN, item.pk, _called(item), item.request.beneficiary)
        approvals.record_policy_yes(subject, item.policy_decision, why=why, now=now)
        moves.approve_item(item, actor=moves.POLICY, why=why, now=now)


def _called(item: RequestItem) -> str:
    """The item as the log names what is decided about it: "R-1014, Read payments"."""
    return f"{item.request}, {item.entitlement.name}"


@unit_of_work()
def withdraw(*, request_id: UUID, actor: Actor, reason: str, now: datetime, as_seen: AsSeen = unsaid) -> AccessRequest:
    """Take a request back while anything of it waits. Raises NotFound, Denied, Conflict when it is decided."""
    request = permissions.lock(actor, "withdraw", request_id, now)
    as_seen()
    why = reason.strip() or UNEXPLAINED
    moves.withdraw(request, to=ItemState.WITHDRAWN, actor=actor, why=why, now=now)
    return request


@unit_of_work()
def answer(
    *, request_id: UUID, question_id: UUID, text: str, actor: Actor, now: datetime, as_seen: AsSeen = unsaid
) -> AccessRequest:
    """Answer an approver's question; the step opens again. Raises Invalid, NotFound, Denied, Conflict."""
    if not text.strip():
        raise Invalid({"answer": "Write an answer: the approver waits for it."})
    request = permissions.lock(actor, "answer", request_id, now)
    question = _locked_question(request, question_id)
    as_seen()
    by = Identity.objects.get(pk=request.requester_id)
    approvals.answer(question, by, text.strip(), actor=actor, now=now)
    if request.state == RequestState.RETURNED and not queries.open_questions(request).exists():
        move(request, RequestState.IN_REVIEW, actor=actor, why="Answered", now=now)
    return request


def _locked_question(request: AccessRequest, question_id: UUID) -> Question:
    """The request's open question with its item, route and step held. Raises NotFound."""
    question = queries.open_questions(request).filter(pk=question_id).first()
    if question is None:
        raise NotFound
    locked_all(request.items.all())
    return approvals.lock_question(question)
