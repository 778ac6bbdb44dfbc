"""What is worth weighing before a decision on access: who else holds it, what it brings, what there was before."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from django.db.models import Count, Q

from governance.access.queries import conferred_by
from governance.approvals.models import Decision
from governance.approvals.states import YES
from governance.catalog.models import Entitlement
from governance.core.actor import Actor
from governance.core.subjects import leasing
from governance.grants.models import Grant
from governance.identities.models import Identity
from governance.identities.states import Kind
from governance.requests.models import AccessRequest, RequestItem
from governance.requests.states import ItemState, RequestState
from governance.separation.sides import touching
from governance.web import present
from governance.web.shapes import Point

FEW = 4
"""One in so many peers who hold it, or fewer, is few."""

MOST_NAMED = 3

OVER = (RequestState.DECIDED, RequestState.EXPIRED)


def points(item: RequestItem, held: Sequence[Grant], actor: Actor, now: datetime) -> list[Point]:
    """All of it, in a constant number of queries; `held` is what the holder has, and had of the same."""
    found = [_before(item, held, now), _peers(item, now), *_yours(item, actor), *_brings(item)]
    return [*found, _history(item), *_nature(item)]


def _before(item: RequestItem, held: Sequence[Grant], now: datetime) -> Point:
    """Whether the holder has it already, without a break since when, or had it."""
    holder_id, what_id = item.request.beneficiary_id, item.entitlement_id
    if hold := leasing().unbroken([holder_id], [what_id], now).get((holder_id, what_id)):
        renewed = f", renewed {present.counted(hold.renewals, 'time')}" if hold.renewals else ""
        text = f"Without a break since {present.on_day(hold.since)}{renewed}."
        return Point("clock", text, "Held already.", "note")
    same = next((grant for grant in held if grant.entitlement_id == item.entitlement_id), None)
    if same is None:
        return Point("eye", "No earlier lease of this is on record.", "New to the holder.", "warn")
    return Point("check", f"{same}, for {same.purpose}: {same.get_state_display().lower()}.", "Held before.", "ok")


def _peers(item: RequestItem, now: datetime) -> Point:
    """How many of those like the holder have it: people of the department, machine identities of the kind."""
    holder = item.request.beneficiary
    alike = Identity.objects.active(now).filter(kind=holder.kind).exclude(pk=holder.pk)
    among = "people" if holder.kind == Kind.PERSON else f"{Kind(holder.kind).label}s"
    if holder.department:
        alike, among = alike.filter(department=holder.department), f"{among} in {holder.department}"
    live = Grant.objects.live(now).filter(entitlement=item.entitlement_id)
    count = alike.aggregate(all=Count("pk"), have=Count("pk", filter=Q(pk__in=live.values("identity"))))
    if not count["all"]:
        return Point("info", f"There are no other {among}.", "No peers.", "note")
    text = f"{count['have']:,} of {count['all']:,} other {among}."
    if count["have"] * FEW <= count["all"]:
        return Point("eye", text, "Few peers hold it.", "warn")
    return Point("check", text, "Peers hold it.", "ok")


def _yours(item: RequestItem, actor: Actor) -> Iterator[Point]:
    """That the visitor has said yes to the same before."""
    same = RequestItem.objects.filter(
        entitlement=item.entitlement_id, request__beneficiary=item.request.beneficiary_id
    ).exclude(pk=item.pk)
    yes = Decision.objects.filter(decider__in=actor.identity_ids, verdict__in=YES, subject_id__in=same.values("pk"))
    last = yes.order_by("-at").first()
    if last is not None:
        yield Point("clock", f"{present.on_day(last.at)}.", "You approved this before.", "note")


def _brings(item: RequestItem) -> Iterator[Point]:
    """What it confers besides itself, and whether a rule of separation looks at any of it."""
    conferred = set(conferred_by([item.entitlement_id])[item.entitlement_id])
    beyond = Entitlement.objects.filter(pk__in=conferred - {item.entitlement_id}).select_related("system")
    names = [str(one) for one in beyond.order_by("name")[: MOST_NAMED + 1]]
    if names:
        more = ", and more" if len(names) > MOST_NAMED else ""
        yield Point("info", f"{present.all_of(names[:MOST_NAMED])}{more}.", "It confers more.", "warn")
    if count := len(touching(conferred)):
        text = f"{present.counted(count, 'rule')} of separation would look at what else is asked for from then on."
        yield Point("scale", text, "It is kept apart.", "note")
    else:
        yield Point("scale", "No rule of separation names it.", "No conflict of duties.", "ok")


def _history(item: RequestItem) -> Point:
    """What became of what the requester has asked for before."""
    mine = AccessRequest.objects.filter(requester=item.request.requester_id, state__in=OVER)
    items = RequestItem.objects.filter(request__in=mine.values("pk"))
    count = items.aggregate(
        all=Count("pk"),
        yes=Count("pk", filter=Q(state__in=[ItemState.APPROVED, ItemState.APPROVED_REDUCED])),
    )
    who = item.request.requester.name
    if not count["all"]:
        return Point("info", f"{who} has asked for nothing that was decided.", "First request.", "note")
    return Point(
        "info", f"{count['yes']:,} of {present.counted(count['all'], 'item')} approved.", f"{who} asked before."
    )


def _nature(item: RequestItem) -> Iterator[Point]:
    """What the access, its holder and its system are."""
    entitlement, holder = item.entitlement, item.request.beneficiary
    if entitlement.privileged:
        yield Point("alert", "It can change what others rely on.", "Privileged.", "warn")
    if holder.is_machine:
        text = f"It acts unattended, in {holder.get_environment_display().lower()}."
        yield Point("info", text, "A machine identity.", "note")
    system = entitlement.system
    text = f"{system.get_risk_display()} risk tier."
    yield Point("info", text, f"{system.name} is {system.get_environment_display().lower()}.", "note")
