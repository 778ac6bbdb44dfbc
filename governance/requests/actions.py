"""What people ask: to be leased something or have it go on, to take that back, to answer an approver."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from governance.approvals import moves as approvals
from governance.approvals.models import Question
from governance.approvals.queries import foresee
from governance.catalog.bundles import pre_approved
from governance.catalog.models import Bundle, BundleVersion, Entitlement
from governance.core.actor import Actor
from governance.core.errors import Denied, Invalid, NotFound
from governance.core.locking import locked_all, unit_of_work
from governance.core.moves import amend, create, move, move_many
from governance.core.seen import AsSeen, unsaid
from governance.core.subjects import decidable
from governance.grants.models import Grant
from governance.grants.permissions import visible as grants_visible
from governance.identities.models import Identity
from governance.policy import moves as policy
from governance.policy.states import Phase
from governance.policy.verdicts import Verdict
from governance.purposes.models import Purpose
from governance.requests import moves, permissions, queries
from governance.requests.models import AccessRequest, RequestDraft, RequestItem
from governance.requests.proposing import Proposal, propose, propose_each, refusals
from governance.requests.rules import (
    DECLINED,
    DECLINED_FOR,
    DRAFTS_KEPT,
    MOST_DRAFTS,
    UNEXPLAINED,
    Draft,
    Renewal,
    cart_problem,
    draft_problems,
)
from governance.requests.states import DraftState, ItemState, RequestState

KEEPING = Actor.system("drafts")


@unit_of_work()
def submit(*, draft: Draft, actor: Actor, now: datetime) -> AccessRequest:
    """File one draft, as `submit_all`."""
    return _submit([draft], None, actor, now)[0]


@unit_of_work()
def submit_all(
    *, drafts: Sequence[Draft], actor: Actor, now: datetime, draft_id: UUID | None = None
) -> Sequence[AccessRequest]:
    """File what one form states, a request for each beneficiary: all of them, or none where one is refused.

    Policy decides on each item, and the routes it asks for are opened. What breaks the domain's own rules is refused
    beside the field; what a policy rule denies is recorded as denied. The same form sent twice files nothing more.
    `draft_id` names the draft that was sent with it. Raises NotFound for what the actor may not ask for, Invalid.
    """
    if problem := cart_problem(len(drafts)):
        raise Invalid({"beneficiary": problem})
    return _submit(drafts, draft_id, actor, now)


def _submit(drafts: Sequence[Draft], draft_id: UUID | None, actor: Actor, now: datetime) -> list[AccessRequest]:
    _lock_people(drafts, actor)
    twins = {twin.beneficiary_id: twin for twin in AccessRequest.objects.filter(form_token=drafts[0].form_token)}
    if twins:
        return _own(twins, drafts, actor)
    kept = [permissions.lock_draft(actor, draft_id)] if draft_id else []
    proposals = propose_each(drafts, actor, now)
    if found := refusals(proposals, now):
        raise Invalid(found)
    filed = [_file(proposal, actor, now) for proposal in proposals]
    for draft in kept:
        why = f"Sent as {', '.join(map(str, filed))}"
        move(draft, DraftState.SENT, actor=actor, why=why, now=now, closed_at=now)
    return filed


@unit_of_work()
def renew(*, grant_id: UUID, renewal: Renewal, actor: Actor, now: datetime) -> AccessRequest:
    """Ask that a lease go on: by a new one for the same that begins where it ends. Raises NotFound, Invalid, Denied."""
    hint = grants_visible(actor, now).filter(pk=grant_id).first()
    if hint is None:
        raise NotFound
    _lock_people([_draft_of(renewal, hint)], actor)
    grant = Grant.objects.get(pk=hint.pk)  # its end may have moved until its holder was held
    draft = _draft_of(renewal, grant)
    twin = AccessRequest.objects.filter(form_token=draft.form_token).first()
    if twin is not None:
        return _own({twin.beneficiary_id: twin}, [draft], actor)[0]
    permissions.require_renewable(actor, grant, now)
    proposal = propose(draft, actor, now)
    if found := refusals([proposal], now):
        raise Invalid(found)
    return _file(proposal, actor, now)


def _draft_of(renewal: Renewal, grant: Grant) -> Draft:
    return renewal.of(grant.pk, grant.identity_id, grant.entitlement_id, grant.purpose_id, grant.ends_at)


def preview(*, draft: Draft, actor: Actor, now: datetime) -> Proposal:
    """What would follow if this were submitted now; nothing is stored. Raises NotFound."""
    return propose(draft, actor, now)


def preview_all(*, drafts: Sequence[Draft], actor: Actor, now: datetime) -> Sequence[Proposal]:
    """The same of a form for several beneficiaries, in as many queries as for one. Raises NotFound, Invalid."""
    if problem := cart_problem(len(drafts)):
        raise Invalid({"beneficiary": problem})
    return propose_each(drafts, actor, now)


def foreseen(proposal: Proposal, now: datetime) -> list["Foreseen"]:
    """Whom each item's steps would ask, by name, if this were submitted now. Equal steps are looked at once."""
    parties = queries.parties(proposal.requester.pk, proposal.beneficiary.pk, now)
    routes = [(entitlement, _plans(proposal, entitlement, verdict, now)) for entitlement, verdict in proposal.judged]
    asked = {plans: foresee(plans, parties, now) for plans in {plans for _, plans in routes}}
    ids = {one.identity_id for steps in asked.values() for step in steps for one in step}
    names = Identity.objects.in_bulk(ids)
    return [
        Foreseen(entitlement, plan, tuple(names[one.identity_id].name for one in step))
        for entitlement, plans in routes
        for plan, step in zip(plans, asked[plans], strict=True)
    ]


def _plans(
    proposal: Proposal, entitlement: Entitlement, verdict: Verdict, now: datetime
) -> tuple[approvals.StepPlan, ...]:
    wish = queries.Wish(proposal.requester, proposal.beneficiary, entitlement, proposal.purpose)
    return tuple(queries.plan(step, wish, now) for step in verdict.steps)


@dataclass(frozen=True, slots=True)
class Foreseen:
    """A step to be, and the names of those it would ask."""

    entitlement: Entitlement
    plan: approvals.StepPlan
    names: tuple[str, ...]


def _lock_people(drafts: Sequence[Draft], actor: Actor) -> None:
    """Hold all that is asked about first, so that what is read of it still holds when the requests are filed."""
    wish = drafts[0]
    bundles = Bundle.objects.filter(pk__in=wish.bundle_ids)
    found = pre_approved(list(bundles.values_list("key", flat=True))).values()
    held = {pk for one in found for pk in one.entitlement_ids}
    locked_all(Purpose.objects.filter(pk=wish.purpose_id), share=True)
    locked_all(Entitlement.objects.filter(pk__in={*wish.entitlement_ids, *held}), share=True)
    locked_all(bundles, share=True)
    locked_all(Identity.objects.filter(pk__in={*(draft.beneficiary_id for draft in drafts), *actor.identity_ids}))


def _own(twins: Mapping[UUID, AccessRequest], drafts: Sequence[Draft], actor: Actor) -> list[AccessRequest]:
    """The requests that the same form has filed. A form sent again with other words is not that form."""
    if any(twin.requester_id not in actor.identity_ids for twin in twins.values()):
        raise Invalid({"form_token": "This form has been sent by somebody else. Open it anew."})
    same = twins.keys() == {draft.beneficiary_id for draft in drafts}
    if not same or not all(_says(twins[draft.beneficiary_id], draft) for draft in drafts):
        sent = ", ".join(sorted(map(str, twins.values())))
        raise Invalid({"form_token": f"This form was sent already, as {sent}. Open a new one to ask for more."})
    return [twins[draft.beneficiary_id] for draft in drafts]


def _says(twin: AccessRequest, draft: Draft) -> bool:
    """Whether the request is what the draft states. What its bundles hold may be otherwise by now."""
    filed = (twin.purpose_id, twin.justification, twin.term, twin.wanted_until, twin.starts_at, twin.renews_id)
    words = draft.justification.strip()
    stated = (draft.purpose_id, words, draft.term, draft.until, draft.starts_at, draft.renews_id)
    items, named = list(twin.items.select_related("bundle_version")), set(draft.entitlement_ids)
    single = {item.entitlement_id for item in items if item.bundle_version is None}
    bundles = {item.bundle_version.bundle_id for item in items if item.bundle_version}
    fits = single <= named <= {item.entitlement_id for item in items} and bundles <= set(draft.bundle_ids)
    return filed == stated and fits


def _file(proposal: Proposal, actor: Actor, now: datetime) -> AccessRequest:
    draft = proposal.draft
    request = AccessRequest(
        requester=proposal.requester,
        beneficiary=proposal.beneficiary,
        purpose=proposal.purpose,
        justification=draft.justification.strip(),
        renews=proposal.renews,
        starts_at=draft.starts_at,
        term=draft.term,
        wanted_until=draft.until,
        state=RequestState.SUBMITTED,
        submitted_at=now,
        assurance=actor.assurance,
        form_token=draft.form_token,
    )
    create(request, actor=actor, why=request.justification, now=now)
    move(request, RequestState.IN_REVIEW, actor=actor, why="Policy was asked", now=now)
    items = [
        _file_item(request, entitlement, verdict, proposal.bundles.get(entitlement.pk), actor, now)
        for entitlement, verdict in proposal.judged
    ]
    for item, (_, verdict) in zip(items, proposal.judged, strict=True):
        _follow(item, verdict, actor, now)
    moves.tell_beneficiary(request, now=now)
    return request


def _file_item(
    request: AccessRequest,
    entitlement: Entitlement,
    verdict: Verdict,
    bundle: BundleVersion | None,
    actor: Actor,
    now: datetime,
) -> RequestItem:
    item = RequestItem(request=request, entitlement=entitlement, bundle_version=bundle)
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
    """Take a request back while anything of it waits, or decline it for oneself or one's machine identity.

    Raises NotFound, Denied, Conflict when it is decided.
    """
    request = permissions.lock(actor, "withdraw", request_id, now)
    as_seen()
    why = reason.strip() or _unexplained(request, actor)
    moves.withdraw(request, to=ItemState.WITHDRAWN, actor=actor, why=why, now=now)
    return request


def _unexplained(request: AccessRequest, actor: Actor) -> str:
    """What stands as the reason where the actor gave none."""
    if request.requester_id in actor.identity_ids:
        return UNEXPLAINED
    return DECLINED if request.beneficiary_id in actor.identity_ids else DECLINED_FOR


@unit_of_work()
def answer(
    *, request_id: UUID, question_id: UUID, text: str, actor: Actor, now: datetime, as_seen: AsSeen = unsaid
) -> AccessRequest:
    """Answer an approver's question as the requester, or as who answers for the machine identity that asked.

    The step opens again. Raises Invalid, NotFound, Denied, Conflict.
    """
    if not text.strip():
        raise Invalid({"answer": "Write an answer: the approver waits for it."})
    _lock_asked(request_id, question_id, actor, now)
    request = permissions.lock(actor, "answer", request_id, now)
    question = _locked_question(request, question_id)
    as_seen()
    whose = request.requester_id if request.requester_id in actor.identity_ids else actor.identity_id
    assert whose is not None  # noqa: S101 - who answers for another is somebody
    by = Identity.objects.get(pk=whose)
    approvals.answer(question, by, text.strip(), actor=actor, now=now)
    request.refresh_from_db()
    if request.state == RequestState.RETURNED and not queries.open_questions(request).exists():
        move(request, RequestState.IN_REVIEW, actor=actor, why="Answered", now=now)
    return request


def _lock_asked(request_id: UUID, question_id: UUID, actor: Actor, now: datetime) -> None:
    """Take what the item rests on that is asked about, as a decision does: an answer may be the last that it needs."""
    for request in permissions.visible(actor, now).filter(pk=request_id):
        for question in queries.open_questions(request).filter(pk=question_id).select_related("step__route"):
            decidable(RequestItem.NOUN).lock(question.step.route.subject_id, actor.identity_ids)


def _locked_question(request: AccessRequest, question_id: UUID) -> Question:
    """The request's open question with its route and steps held; its item is. Raises NotFound."""
    question = queries.open_questions(request).filter(pk=question_id).first()
    if question is None:
        raise NotFound
    return approvals.lock_question(question)


# Drafts ---------------------------------------------------------------------------------------------------------------


@unit_of_work()
def keep_draft(
    *,
    content: Mapping[str, Any],
    actor: Actor,
    now: datetime,
    draft_id: UUID | None = None,
    as_seen: AsSeen = unsaid,
) -> RequestDraft:
    """Put a form aside, anew or in the place of what it said before. Nothing of it is judged.

    Raises Invalid for what is no field of the form or one draft too many, NotFound, Conflict for one that is closed.
    """
    if problems := draft_problems(content):
        raise Invalid(problems)
    requester = Identity.objects.active(now).filter(pk=actor.identity_id).first() if actor.identity_id else None
    if requester is None:
        raise Denied("Only an active identity asks.")
    locked_all(Identity.objects.filter(pk=requester.pk))
    if draft_id is not None:
        kept = permissions.lock_draft(actor, draft_id)
        as_seen()
        return amend(kept, "saved", actor=actor, why="Saved again", now=now, content=dict(content), saved_at=now)
    if permissions.visible_drafts(actor).filter(state=DraftState.KEPT).count() >= MOST_DRAFTS:
        raise Invalid({"draft": f"You have {MOST_DRAFTS} drafts. Send or discard one first."})
    draft = RequestDraft(requester=requester, content=dict(content), saved_at=now)
    return create(draft, actor=actor, why="Put aside", now=now)


@unit_of_work()
def discard_draft(*, draft_id: UUID, actor: Actor, now: datetime, as_seen: AsSeen = unsaid) -> RequestDraft:
    """Close a draft that is wanted no more. Raises NotFound, and Conflict for one that is closed."""
    draft = permissions.lock_draft(actor, draft_id)
    as_seen()
    return move(draft, DraftState.DISCARDED, actor=actor, why="Discarded", now=now, closed_at=now)


@unit_of_work()
def lapse_drafts(*, now: datetime, limit: int = 500) -> int:
    """Close what nobody has come back to for long. Answers how many. Safe to run twice, late or beside a twin."""
    old = RequestDraft.objects.filter(state=DraftState.KEPT, saved_at__lte=now - DRAFTS_KEPT)
    first = old.order_by("saved_at").values_list("pk", flat=True)[:limit]
    held = locked_all(old.filter(pk__in=list(first)).select_related("requester"), skip_locked=True)
    move_many(held, DraftState.LAPSED, actor=KEEPING, why="Nobody came back to it", now=now, closed_at=now)
    return len(held)
