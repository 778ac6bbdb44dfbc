"""Rows by the thousand, written at once: nothing but their number matters to those who count queries."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any, TypeVar
from uuid import uuid4

from django.db import connection, models
from django.utils import timezone

from governance.access.models import Assignment
from governance.analysis.actions import start
from governance.analysis.models import Finding
from governance.approvals.models import ApprovalRoute, ApprovalStep, Delegation, StepApprover
from governance.audit.moves import append
from governance.catalog.models import Bundle, BundleVersion, Entitlement
from governance.changes.models import ProposedChange
from governance.core.events import Event
from governance.core.ids import new_id
from governance.core.locking import unit_of_work
from governance.grants.models import Grant
from governance.identities.models import Identity, Ownership
from governance.lifecycle.models import FeedRun
from governance.notifications.models import Notification
from governance.policy.actions import keep_example
from governance.policy.models import PolicyExample, PolicyRule
from governance.policy.moves import Expected
from governance.provisioning.models import ManualTask, ProvisioningTask
from governance.purposes.models import Justification
from governance.requests.models import AccessRequest, RequestItem
from governance.separation import actions as separation
from governance.separation.models import Mitigation, SeparationViolation
from governance.users.moves import issue
from tests import apart, builders, changing, handwork
from tests.analysis.surveying import found_by_now
from tests.builders import Organisation
from tests.lifecycle.feeding import a_file, a_source, administrator, handed_in, row

M = TypeVar("M", bound=models.Model)


class Crowd:
    """An organisation with `size` of everything: held and owned, asked for, waiting for its manager, and recorded."""

    def __init__(self, org: Organisation, size: int) -> None:
        self.org, self.size = org, size
        self.waiting = org.submit()
        self.step = ApprovalStep.objects.get(pk=builders.step_ids(self.waiting)[0])
        self._requests()
        other = builders.entitlement(org.system, org.owner)
        builders.keep(Justification(purpose=org.purpose, entitlement=other))
        wish = org.submit(entitlement_ids=(other.pk,))
        self.grant = builders.live_grant(wish)
        self._entitlements()
        self._grants()
        self._machines()
        self._tasks()
        self._notifications()
        self._rules()
        self._files()
        self._events()
        self._tokens()
        self._delegations()
        self._changes()
        self._violations()
        self._found()
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")  # as autovacuum would have by now: plans for empty tables take minutes on these

    def _copies(self, row: M, **changes: str) -> Iterator[M]:
        """As many copies as there are to be, each with an id of its own."""
        for _ in range(self.size):
            twin = copy.copy(row)
            twin._state = models.base.ModelState()
            twin.pk = new_id()
            for name, prefix in changes.items():
                setattr(twin, name, f"{prefix}{uuid4()}")
            yield twin

    def _violations(self) -> None:
        """The requester breaks a rule; others have broken it before, and have asked for mitigations."""
        one, two = (builders.entitlement(self.org.system, self.org.owner) for _ in range(2))
        self.apart = apart.kept_apart(one, two)
        apart.confers(self.entitlements[0], one)
        for what in (one, two):
            builders.keep(Assignment(account=self.org.account, entitlement=what, wanted=True))
        separation.scan(now=timezone.now())
        self.violation = SeparationViolation.objects.get(rule=self.apart)
        self.mitigation = apart.proposed(self.apart, self.org.requester, self.org.requester)
        over = {"state": "resolved", "closed_at": timezone.now()}
        SeparationViolation._base_manager.bulk_create(self._others(self.violation, **over))
        Mitigation._base_manager.bulk_create(self._others(self.mitigation, state="withdrawn"))

    def _others(self, row: M, **values: Any) -> Iterator[M]:
        """Copies with numbers of their own."""
        for twin in self._copies(row):
            number: Any = twin._meta.get_field("number")
            for name, value in {**values, "number": number.get_default()}.items():
                setattr(twin, name, value)
            yield twin

    def _entitlements(self) -> None:
        rows = self._copies(self.org.entitlement, key="role_", name="Role ")
        self.entitlements = Entitlement.objects.bulk_create(rows)
        Justification.objects.bulk_create(
            Justification(purpose=self.org.purpose, entitlement=one) for one in self.entitlements
        )

    def _grants(self) -> None:
        twins = list(self._copies(self.grant))
        for twin, entitlement in zip(twins, self.entitlements, strict=True):
            twin.entitlement = entitlement
            twin.number = twin._meta.get_field("number").get_default()
        Grant.objects.bulk_create(twins)

    def _tasks(self) -> None:
        """Each for an entitlement of its own."""
        vault = handwork.manual_system(self.org.owner, self.org.backup)
        self.task = handwork.done(handwork.asked(self.org.requester, vault), self.org.backup)
        wanted = list(self._copies(self.task.task.assignment))
        tasks = list(self._copies(self.task.task))
        asked = list(self._copies(self.task))
        for assignment, entitlement, task, manual in zip(wanted, self.entitlements, tasks, asked, strict=True):
            assignment.entitlement, task.assignment, manual.task = entitlement, assignment, task
        Assignment.objects.bulk_create(wanted)
        ProvisioningTask.objects.bulk_create(tasks)
        ManualTask.objects.bulk_create(asked)

    def _notifications(self) -> None:
        said = Notification.objects.filter(recipient=self.org.manager)[0]
        Notification.objects.bulk_create(self._copies(said, once="asked:"))

    def _rules(self) -> None:
        rules = list(self._copies(self.org.rule))
        for number, twin in enumerate(rules):
            twin.key = f"CROWD-{number:04}"
        PolicyRule.objects.bulk_create(rules)
        version, now = self.org.rule.versions.get(), timezone.now()
        expected = Expected({}, applies=True)
        by = administrator()
        kept = keep_example(rule_id=self.org.rule.pk, title="One", expected=expected, actor=by, why="Kept", now=now)
        PolicyExample.objects.bulk_create(self._copies(kept, title="Example "))
        self.replay = start(version_id=version.pk, days=1, actor=administrator(), now=now)
        decision = self.grant.policy_decision
        Finding.objects.bulk_create(
            Finding(
                replay=self.replay, number=number, source="grant", subject_id=self.grant.pk, reference=f"G-{number}",
                decision=decision, holder="H", entitlement="E", system="S", change="denied", changes=["denied"],
                before={"allowed": True, "steps": [], "lease_seconds": 60}, after={"allowed": False},
            )
            for number in range(1, self.size + 1)
        )  # fmt: skip

    def _files(self) -> None:
        by = administrator()
        people = [row(f"K{n}") for n in range(self.size)]
        self.run = handed_in(a_source(by), a_file(*people), by)
        twins = list(self._copies(self.run))
        for twin in twins:
            twin.number = twin._meta.get_field("number").get_default()
        FeedRun.objects.bulk_create(twins)

    def _requests(self) -> None:
        requests = list(self._copies(self.waiting))
        for twin in requests:
            twin.form_token = uuid4()
            twin.number = twin._meta.get_field("number").get_default()
        AccessRequest.objects.bulk_create(requests)
        items = list(self._copies(self.waiting.items.get()))
        for item, request in zip(items, requests, strict=True):
            item.request = request
        RequestItem.objects.bulk_create(items)
        self._route_copies(self.step, items)

    def _route_copies(self, of: ApprovalStep, subjects: Sequence[RequestItem | ProposedChange]) -> None:
        routes = list(self._copies(of.route))
        steps = list(self._copies(of))
        asked = list(self._copies(of.approvers.get()))
        for item, route, step, approver in zip(subjects, routes, steps, asked, strict=True):
            route.subject_id, step.route, approver.step = item.pk, route, step
        ApprovalRoute.objects.bulk_create(routes)
        ApprovalStep.objects.bulk_create(steps)
        StepApprover.objects.bulk_create(asked)

    def _machines(self) -> None:
        first = builders.machine(self.org.requester)
        twins = Identity.objects.bulk_create(self._copies(first, external_key="key-", name="svc-"))
        owned = list(self._copies(Ownership.objects.get(subject_id=first.pk)))
        for ownership, twin in zip(owned, twins, strict=True):
            ownership.subject_id = twin.pk
        Ownership.objects.bulk_create(owned)

    def _changes(self) -> None:
        self.change = changing.edited(self.org.entitlement, self.org.requester)
        twins = list(self._copies(self.change))
        for twin, entitlement in zip(twins, self.entitlements, strict=True):
            twin.form_token, twin.subject_id = uuid4(), entitlement.pk
            twin.number = twin._meta.get_field("number").get_default()
        ProposedChange.objects.bulk_create(twins)
        self.bundle = changing.bundle(self.org.entitlement, self.org.owner, self.org.requester)
        bundles = Bundle.objects.bulk_create(self._copies(self.bundle, key="b-"))
        versions = list(self._copies(self.bundle.versions.get()))
        for version, bundle in zip(versions, bundles, strict=True):
            version.bundle = bundle
        BundleVersion.objects.bulk_create(versions)
        step = ApprovalStep.objects.get(pk=changing.steps_of(self.change)[0])
        self._route_copies(step, twins)

    def _found(self) -> None:
        found = found_by_now(self.org.entitlement, timezone.now())
        self.finding, self.suggestion = found[1:]
        for one in (self.finding, self.suggestion):
            self._numbered_copies(one)

    def _numbered_copies(self, one: Any) -> None:
        twins = list(self._copies(one, key="key-"))
        for twin in twins:
            twin.number = twin._meta.get_field("number").get_default()
        type(one)._base_manager.bulk_create(twins)

    def _tokens(self) -> None:
        """Of one person, each made by the product: their prefixes differ."""
        with unit_of_work():
            for number in range(min(self.size, 60)):
                issue(
                    name=f"Token {number}",
                    user_id=self.org.requester.user_id,
                    identity_id=None,
                    scopes=["read"],
                    ends_at=timezone.now() + timedelta(days=1),
                    actor=builders.BUILDER,
                    now=timezone.now(),
                )

    def _delegations(self) -> None:
        """One that holds, and many before it."""
        now, day = timezone.now(), timedelta(days=1)
        people = {"delegator": self.org.owner, "delegate": self.org.stranger, "kind": "security"}
        terms = {"reason": "On holiday.", "made_at": now, "starts_at": now, "ends_at": now + day}
        self.delegation = builders.keep(Delegation(**people, **terms))
        twins = list(self._copies(self.delegation))
        for number, twin in enumerate(twins, start=1):
            twin.starts_at, twin.ends_at = now - number * day, now - (number - 1) * day
        Delegation._base_manager.bulk_create(twins)

    def _events(self) -> None:
        event = Event(
            "test.happened", builders.BUILDER, "test", new_id(), "a test", "So that there are many", timezone.now()
        )
        append([event] * self.size)
