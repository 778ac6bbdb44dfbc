"""What a survey finds of what has gone stale."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from governance.access.models import Assignment
from governance.analysis import stale
from governance.analysis.matching import unmatched
from governance.analysis.reasons import reason
from governance.analysis.states import Stale
from governance.catalog.models import Bundle, BundleVersion
from governance.grants import actions as grants
from governance.identities.models import Identity
from governance.policy.criteria import known
from governance.policy.facts import declarations
from governance.purposes.models import Dedication, Justification
from tests import apart, builders, changing
from tests.analysis.surveying import later, leased, peers, removed
from tests.builders import Organisation, actor, live_grant, person

pytestmark = pytest.mark.django_db


@pytest.fixture
def org() -> Organisation:
    return Organisation("manager")


def found(kind: Stale, at: datetime | None = None) -> dict[Any, str]:
    """What is stale, by its subject, with the reason."""
    return {one.subject_id: reason(one.kind, one.figures) for one in stale.look(kind, at or timezone.now())}


class TestBundles:
    def test_are_stale_when_nobody_holds_all_of_one(self, org: Organisation) -> None:
        other = builders.entitlement(org.system, org.owner)
        keys = [f"{one.system.key}/{one.key}" for one in (org.entitlement, other)]
        both = changing.bundle(org.entitlement, org.owner, org.requester, "both", entitlements=keys)
        one = changing.bundle(org.entitlement, org.owner, org.requester, "one")
        live_grant(org.submit())
        said = found(Stale.BUNDLE, later())
        assert both.pk in said
        assert one.pk not in said
        assert said[both.pk].startswith("Nobody holds all of it: 1 of 2 entitlements at most.")

    def test_are_held_through_what_they_include(self, org: Organisation) -> None:
        inner = changing.bundle(org.entitlement, org.owner, org.requester, "inner")
        outer = changing.bundle(org.entitlement, org.owner, org.requester, "outer", entitlements=[], bundles=["inner"])
        assert set(found(Stale.BUNDLE, later())) == {inner.pk, outer.pk}
        live_grant(org.submit())
        assert found(Stale.BUNDLE, later()) == {}

    def test_are_held_through_what_confers_their_entitlements(self, org: Organisation) -> None:
        made = changing.bundle(org.entitlement, org.owner, org.requester)
        lead = builders.entitlement(org.system, org.owner)
        builders.keep(Assignment(account=org.account, entitlement=lead, wanted=True))
        assert set(found(Stale.BUNDLE, later())) == {made.pk}
        apart.confers(lead, org.entitlement)
        assert found(Stale.BUNDLE, later()) == {}

    def test_are_not_stale_while_they_are_new(self, org: Organisation) -> None:
        changing.bundle(org.entitlement, org.owner, org.requester)
        assert found(Stale.BUNDLE, timezone.now() + timedelta(days=89)) == {}


class TestCriteria:
    def test_are_stale_when_they_match_nobody(self, org: Organisation) -> None:
        someone = person(department="Finance")
        texts = {"a1": "identity.department == 'Finance'", "b1": "identity.department == 'Moon'", "c1": ""}
        made = {
            key: changing.bundle(org.entitlement, org.owner, org.requester, key, criteria=text)
            for key, text in texts.items()
        }
        assert set(found(Stale.CRITERIA, timezone.now() + timedelta(days=2))) == {made["b1"].pk}
        assert someone.department == "Finance"

    def test_are_not_stale_on_their_first_day(self, org: Organisation) -> None:
        made = changing.bundle(org.entitlement, org.owner, org.requester, criteria="identity.department == 'Moon'")
        at = made.versions.get().made_at + timedelta(days=1)
        assert found(Stale.CRITERIA, at - timedelta(seconds=1)) == {}
        assert set(found(Stale.CRITERIA, at)) == {made.pk}

    def test_of_the_last_version_count_alone(self, org: Organisation) -> None:
        made = changing.bundle(org.entitlement, org.owner, org.requester, criteria="identity.department == 'Moon'")
        change = changing.propose("bundle.edit", made, org.requester, criteria="identity.kind == 'person'")
        changing.approved(change, org.owner)
        assert found(Stale.CRITERIA, timezone.now() + timedelta(days=2)) == {}

    @pytest.mark.parametrize(
        ("text", "there"),
        [
            ("identity.owned", True),
            ("identity.kind == 'person' && identity.owned", False),
            ("'books' in identity.teams", True),
            ("'other' in identity.teams", False),
            ("identity.machine && identity.environment == 'production'", True),
            ("identity.owned_until < timestamp('2020-01-01T00:00:00Z')", False),
            ("identity.title == 'now'", False),
            ("true", True),
            ("duration(identity.department == '' ? 'x' : '1h') > duration('1m')", False),
        ],
    )
    def test_ask_what_policy_knows_of_an_identity(self, org: Organisation, text: str, *, there: bool) -> None:
        builders.machine(org.owner)
        builders.team("books", org.requester)
        version = BundleVersion(bundle=Bundle(key="x"), criteria=text)
        assert unmatched([version], timezone.now()) == ([] if there else [version])

    def test_may_name_every_fact_of_an_identity(self) -> None:
        assert set(known(timezone.now())) == {one.name for one in declarations() if one.name.startswith("identity.")}

    def test_of_many_bundles_take_one_query_where_they_name_the_same(self, org: Organisation) -> None:
        many = [BundleVersion(bundle=Bundle(key=f"x{n}"), criteria=f"identity.title == 'T{n}'") for n in range(40)]
        with CaptureQueriesContext(
            connection,
        ) as captured:
            unmatched(many, timezone.now())
        assert len([one for one in captured if "SELECT" in one["sql"]]) == 1


class TestEntitlements:
    def test_are_stale_when_nobody_has_held_one(self, org: Organisation) -> None:
        said = found(Stale.UNHELD, later())
        assert said[org.entitlement.pk] == "Nobody holds it, and nobody has for 90 days. It was never leased."
        assert found(Stale.UNHELD) == {}

    def test_are_not_stale_while_somebody_holds_one_or_held_it_lately(self, org: Organisation) -> None:
        grant = live_grant(org.submit())
        assert org.entitlement.pk not in found(Stale.UNHELD, grant.ends_at + timedelta(days=91))
        removed(grant)
        assert org.entitlement.pk not in found(Stale.UNHELD, grant.ends_at + timedelta(days=89))
        assert org.entitlement.pk in found(Stale.UNHELD, grant.ends_at + timedelta(days=91))

    def test_are_not_stale_while_access_stands_that_nobody_leased(self, org: Organisation) -> None:
        builders.keep(Assignment(account=org.account, entitlement=org.entitlement, wanted=True))
        assert org.entitlement.pk not in found(Stale.UNHELD, later())

    def test_are_not_stale_while_somebody_holds_what_confers_one(self, org: Organisation) -> None:
        lead = builders.entitlement(org.system, org.owner)
        builders.keep(Assignment(account=org.account, entitlement=lead, wanted=True))
        apart.confers(lead, org.entitlement)
        assert org.entitlement.pk not in found(Stale.UNHELD, later())

    def test_are_stale_when_most_let_their_lease_run_out(self, org: Organisation) -> None:
        people = [org.requester, *(person(manager=org.manager) for _ in range(4))]
        leases = [leased(org, one) for one in people]
        end = max(one.ends_at for one in leases) + timedelta(seconds=1)
        grants.expire_due(now=end)
        assert found(Stale.LAPSING, end)[org.entitlement.pk].startswith("5 of 5 who held it")
        again = [leased(org, one, now=end) for one in people[:3]]
        assert found(Stale.LAPSING, again[0].starts_at + timedelta(minutes=1)) == {}

    @pytest.mark.parametrize(("held", "lapsed", "is_stale"), [(5, 3, True), (6, 3, False), (4, 4, False)])
    def test_are_stale_when_more_than_half_of_five_or_more_let_it_lapse(
        self, org: Organisation, held: int, lapsed: int, *, is_stale: bool
    ) -> None:
        people = [person(manager=org.manager) for _ in range(held)]
        end = max(leased(org, one).ends_at for one in people[:lapsed]) + timedelta(seconds=1)
        grants.expire_due(now=end)
        last = [leased(org, one, now=end) for one in people[lapsed:]]
        at = max([end, *(one.starts_at for one in last)])
        assert (org.entitlement.pk in found(Stale.LAPSING, at)) == is_stale

    def test_do_not_count_leases_that_somebody_ended(self, org: Organisation) -> None:
        people = [org.requester, *(person(manager=org.manager) for _ in range(4))]
        for one in people:
            grant = leased(org, one)
            grants.hand_back(grant_id=grant.pk, actor=actor(one), reason="Done.", now=timezone.now())
        assert found(Stale.LAPSING, timezone.now() + timedelta(days=1)) == {}


class TestOutliers:
    def test_are_what_few_peers_hold(self, org: Organisation) -> None:
        clerk, *_ = peers(org, 6)
        grant = leased(org, clerk)
        (one,) = stale.look(Stale.OUTLIER, timezone.now())
        assert (one.subject_id, one.holder_id, one.owner_id) == (grant.pk, clerk.pk, org.entitlement.pk)
        assert reason(one.kind, one.figures) == "Only 1 of 6 people in Finance with the title Clerk holds it."
        assert one.score == (100 - 16) * 70 // 100

    def test_need_peers_enough(self, org: Organisation, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(stale, "FEW", 50)
        clerk, *_ = peers(org, 4)
        leased(org, clerk)
        assert found(Stale.OUTLIER) == {}

    def test_are_at_most_one_in_five(self, org: Organisation) -> None:
        clerk, *_ = peers(org, 5)
        grant = leased(org, clerk)
        assert set(found(Stale.OUTLIER)) == {grant.pk}

    def test_are_kept_by_weight(self, org: Organisation, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(stale, "MOST", 1)
        one, *_ = peers(org, 6)
        worse = builders.entitlement(org.system, org.owner, risk="critical")
        builders.keep(Justification(purpose=org.purpose, entitlement=worse))
        leased(org, one)
        heavier = builders.adopted(one.accounts.get(), one, worse, org.purpose)
        assert set(found(Stale.OUTLIER)) == {heavier.pk}

    def test_are_not_what_more_of_them_hold(self, org: Organisation) -> None:
        one, two, *_ = peers(org, 6)
        leased(org, one)
        leased(org, two)
        assert found(Stale.OUTLIER) == {}

    def test_are_not_what_peers_hold_through_something_else(self, org: Organisation) -> None:
        one, *others = peers(org, 6)
        lead = builders.entitlement(org.system, org.owner)
        for other in others:
            builders.keep(Assignment(account=builders.account(other, org.system), entitlement=lead, wanted=True))
        grant = leased(org, one)
        assert set(found(Stale.OUTLIER)) == {grant.pk}
        apart.confers(lead, org.entitlement)
        assert found(Stale.OUTLIER) == {}

    def test_are_people_whose_department_and_title_are_known(self, org: Organisation) -> None:
        for _ in range(6):
            person(manager=org.manager)
        leased(org, org.requester)
        assert found(Stale.OUTLIER) == {}


class TestPurposes:
    def test_are_stale_when_nobody_uses_one(self, org: Organisation) -> None:
        said = found(Stale.PURPOSE, later())
        assert said[org.purpose.pk].endswith("Nothing was leased on it.")
        assert found(Stale.PURPOSE) == {}

    def test_are_not_stale_while_somebody_asks_or_holds(self, org: Organisation) -> None:
        request = org.submit(now=timezone.now() + timedelta(days=20))
        at = request.submitted_at + timedelta(days=89)
        assert org.purpose.pk not in found(Stale.PURPOSE, at)
        assert org.purpose.pk in found(Stale.PURPOSE, at + timedelta(days=2))

    def test_of_emergencies_wait_for_one(self, org: Organisation) -> None:
        waiting = builders.purpose(org.owner, emergency=True)
        assert waiting.pk not in found(Stale.PURPOSE, later())

    def test_are_in_use_while_a_machine_exists_for_one(self, org: Organisation) -> None:
        agent = builders.machine(org.owner)
        builders.keep(Dedication(identity=agent, purpose=org.purpose))
        assert org.purpose.pk not in found(Stale.PURPOSE, later())
        Identity.objects.filter(pk=agent.pk).update(state="ended")
        assert org.purpose.pk in found(Stale.PURPOSE, later())


class TestRules:
    def test_are_stale_when_they_applied_to_nothing(self, org: Organisation, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(stale, "FEWEST_DECISIONS", 1)
        idle = builders.rule(deny=True, condition="identity.department == 'Moon'", key="POL-70")
        at = later()
        assert found(Stale.RULE, at) == {}  # nothing was decided, which says nothing
        org.submit(now=at - timedelta(days=1))
        version = idle.versions.get()
        assert found(Stale.RULE, at) == {version.pk: "It applied to none of the 1 decisions of the last 90 days."}

    def test_are_kept_for_an_emergency(self, org: Organisation, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(stale, "FEWEST_DECISIONS", 1)
        builders.rule(condition="request.break_glass", break_glass_seconds=3600)
        at = later()
        org.submit(now=at - timedelta(days=1))
        assert found(Stale.RULE, at) == {}

    def test_need_time_in_force(self, org: Organisation, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(stale, "FEWEST_DECISIONS", 1)
        builders.rule(deny=True, condition="identity.department == 'Moon'")
        org.submit()
        assert found(Stale.RULE, timezone.now() + timedelta(days=1)) == {}
