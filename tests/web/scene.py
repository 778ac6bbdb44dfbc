"""One scene in which everybody has a different relation to the same things."""

from __future__ import annotations

from datetime import time, timedelta
from uuid import uuid4

from django.utils import timezone

from governance.access.models import Account, Assignment
from governance.analysis.actions import start
from governance.analysis.models import Replay
from governance.approvals import actions as approvals
from governance.approvals.actions import Proof
from governance.approvals.models import ApprovalStep, Calendar, Decision, Question
from governance.approvals.states import Verdict
from governance.audit.models import AuditEvent
from governance.break_glass import actions as break_glass
from governance.break_glass.models import BreakGlass
from governance.break_glass.rules import Draft
from governance.core.actor import Role
from governance.core.locking import unit_of_work
from governance.grants.models import Grant
from governance.identities.actions import make_token
from governance.identities.models import Identity
from governance.lifecycle.models import FeedRun, Source
from governance.notifications.models import Notification
from governance.policy.actions import keep_example
from governance.policy.models import PolicyExample
from governance.policy.moves import Expected
from governance.policy.queries import Asking, decide
from governance.requests import actions as requests
from governance.requests.models import AccessRequest
from governance.requests.proposing import Proposal
from governance.separation import actions as separation
from governance.separation.models import SeparationViolation
from governance.separation.states import VersionState
from governance.users.models import ApiToken
from tests import apart, builders, changing, glass, handwork
from tests.analysis.surveying import found_by_now
from tests.delegations import delegated
from tests.leases import ask_back
from tests.lifecycle.feeding import a_file, a_source, administrator, handed_in, row

RELATIONS = ("holder", "requester", "owner", "approver", "unrelated")


class Scene:
    """A request that waits, one returned with a question, and a grant that is live.

    The requester asks for the holder. The owner answers for system, entitlement and purpose. The approver is the
    holder's manager, and the only one whom a route asks.
    """

    def __init__(self) -> None:
        boss = builders.person("Boss")
        self.people: dict[str, Identity] = {"approver": builders.person("Approver", manager=boss)}
        self.people["holder"] = builders.person("Holder", manager=self.people["approver"])
        for name in ("requester", "owner", "unrelated"):
            self.people[name] = builders.person(name.title(), manager=boss)
        builders.team("governance", builders.person("Gwen"), builders.person("Gus"))
        self.system = builders.system(self.people["owner"])
        builders.account(self.people["holder"], self.system)
        self.rule = builders.rule("manager", key="POL-01")
        builders.owned(self.rule, self.people["owner"])
        self.version = self.rule.versions.get()
        self.example, self.replay = self._rehearsed()
        self.waiting, self.returned = self._asked(), self._asked()
        self.grant: Grant = builders.live_grant(self._asked())
        self.put_aside = requests.keep_draft(
            content={"justification": "Half a"}, actor=builders.actor(self.people["requester"]), now=timezone.now()
        )
        self.step = self._step(self.waiting)
        self.question = self._question()
        self.change = changing.edited(self.grant.entitlement, self.people["requester"])
        self.asked_about = changing.edited(self.returned.items.get().entitlement, self.people["requester"])
        ask_back(changing.steps_of(self.asked_about)[0], self.people["owner"], "Why now?")
        self.doubt = Question.objects.get(step__route__subject_id=self.asked_about.pk)
        self.bundle = changing.bundle(self.grant.entitlement, self.people["owner"], self.people["requester"])
        self.said = Notification.objects.get(recipient=self.people["approver"], subject_id=self.step.pk)
        self.deputy = builders.person("Deputy", manager=boss)
        self._besides()

    def _besides(self) -> None:
        """What is about neither requests nor the catalog."""
        vault = handwork.manual_system(self.people["owner"], self.deputy)
        self.task = handwork.asked(self.people["holder"], vault)
        self.done = handwork.done(handwork.asked(self.people["holder"], vault), self.deputy)
        self.source, self.run = self._feed()
        self._keep_apart()
        self.event = AuditEvent.objects.order_by("sequence")[0]
        self.token = self._token()
        self.proven = self._proven()
        self.calendar = builders.keep(
            Calendar(name="Nowhere", zone="UTC", weekdays=[1], opens_at=time(9), closes_at=time(17))
        )
        self.survey, self.finding, self.suggestion = found_by_now(self.grant.entitlement, timezone.now())
        self.delegation = delegated(self.people["approver"], self.people["owner"], kind="security")
        self._break_glass()

    def _break_glass(self) -> None:
        """The holder has broken the glass: one lease stands, others wait for review, for rotation, to be closed."""
        builders.rule(key="POL-90", condition="request.break_glass", break_glass_seconds=3600)
        self.taken, self.unreviewed, self.exposing, self.closable = (self._taken() for _ in range(4))
        owner, password = builders.actor(self.people["owner"]), glass.PASSWORD
        ends = [glass.gone(one) for one in (self.unreviewed, self.exposing, self.closable)]
        glass.reviewed(self.exposing, owner, password, now=max(ends))
        glass.reviewed(self.closable, owner, now=max(ends))
        self.exposure = self.exposing.exposures.get()

    def _taken(self) -> BreakGlass:
        owner, holder = self.people["owner"], self.people["holder"]
        what = builders.entitlement(self.system, owner)
        why = builders.purpose(owner, what, emergency=True)
        words = {"incident": "INC-1", "justification": "Payments are stuck.", "form_token": uuid4()}
        hour = timedelta(hours=1)
        draft = Draft(entitlement_id=what.pk, purpose_id=why.pk, term=hour, **words)  # type: ignore[arg-type]
        return break_glass.take(draft=draft, actor=builders.actor(holder), now=timezone.now())

    def _keep_apart(self) -> None:
        """The holder holds what rules of the owner's keep apart; the approver has asked for mitigations."""
        owner, holder, manager = (self.people[name] for name in ("owner", "holder", "approver"))
        one, two, lead = (builders.entitlement(self.system, owner) for _ in range(3))
        self.inclusion = apart.confers(lead, two)
        self.apart = apart.kept_apart(one, two, owner=owner)
        at = Account.objects.get(identity=holder, system=self.system)
        for what in (one, two):
            builders.keep(Assignment(account=at, entitlement=what, wanted=True))
        separation.scan(now=timezone.now())
        self.violation = SeparationViolation.objects.get(rule=self.apart)
        self.proposed = apart.proposed(self.apart, holder, manager)
        self.covering = apart.mitigated(apart.kept_apart(one, lead, owner=owner), holder)
        told = {"actor": apart.administrator(), "why": "Worded anew", "now": timezone.now()}
        self.drafted = separation.draft(rule_id=self.apart.pk, wording=apart.wording(one, two), **told)  # type: ignore[arg-type]
        self.in_force = self.apart.versions.get(state=VersionState.IN_FORCE)

    def _token(self) -> ApiToken:
        """The holder's own."""
        holder, now = self.people["holder"], timezone.now()
        asked = {"name": "A program", "scopes": ["read"], "ends_at": now + timedelta(days=1)}
        made = make_token(
            holder_id=holder.pk,
            longest=timedelta(days=1),
            actor=builders.actor(holder),
            now=now,
            **asked,  # type: ignore[arg-type]
        )
        return made[0]

    def play(self, relation: str, role: Role | None) -> Identity:
        """The person with the relation, holding the role as well."""
        person = self.people[relation]
        if role is not None:
            builders.portal_role(person, role)
        return person

    def _rehearsed(self) -> tuple[PolicyExample, Replay]:
        """An example kept with the rule, and a replay of its version that runs."""
        by, now = administrator(), timezone.now()
        example = keep_example(
            rule_id=self.rule.pk, title="Anybody", expected=Expected({}, applies=True), actor=by, why="Kept", now=now
        )
        return example, start(version_id=self.version.pk, days=1, actor=by, now=now)

    def _feed(self) -> tuple[Source, FeedRun]:
        by = administrator()
        source = a_source(by)
        return source, handed_in(source, a_file(row("A")), by)

    def _asked(self) -> AccessRequest:
        """The requester asks for the holder, which the forms of today don't offer and the records allow."""
        owner, holder, requester = (self.people[name] for name in ("owner", "holder", "requester"))
        what = builders.entitlement(self.system, owner)
        why = builders.purpose(owner, what)
        now = timezone.now()
        draft = builders.draft(holder, what, why, form_token=uuid4(), term=timedelta(days=2))
        asking = Asking(identity=holder, purpose=why, requester=requester, term=timedelta(days=2), assurance=1, now=now)
        proposal = Proposal(draft, requester, holder, why, [(what, decide(asking, what))])
        with unit_of_work():
            return requests._file(proposal, builders.actor(requester), now)

    def _proven(self) -> Decision:
        """The approver's, with a file that it rests on."""
        by, now = builders.actor(self.people["approver"]), timezone.now()
        said = {"verdict": Verdict.APPROVE, "reason": "As agreed.", "proof": Proof("CHG-1", handwork.a_file())}
        return approvals.decide(step_id=self._step(self._asked()).pk, actor=by, now=now, **said)  # type: ignore[arg-type]

    def _step(self, request: AccessRequest) -> ApprovalStep:
        return ApprovalStep.objects.get(pk=builders.step_ids(request)[0])

    def _question(self) -> Question:
        ask_back(self._step(self.returned).pk, self.people["approver"], "Which ones?")
        return Question.objects.get(step__route=self._step(self.returned).route)
