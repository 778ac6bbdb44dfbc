"""Rules of separation that name bundles: what those hold at the moment is kept apart."""

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from governance.catalog import bundles
from governance.catalog.models import Bundle, Entitlement
from governance.changes.models import ProposedChange
from governance.changes.states import ChangeState
from governance.core.errors import Conflict, Invalid
from governance.identities.models import Identity
from governance.lifecycle.catalog_files.applying import Refused
from governance.separation.models import SeparationMember, SeparationRule, SeparationViolation
from governance.separation.queries import judge, keys_of
from governance.separation.states import Side, VersionState, ViolationState
from tests.apart import administrator, drafted, hold, kept_apart, scan
from tests.builders import Organisation, entitlement
from tests.changing import approved, bundle, propose
from tests.lifecycle.cataloguing import apply, export, problems

pytestmark = pytest.mark.django_db


@pytest.fixture
def org() -> Organisation:
    return Organisation()


def some(org: Organisation) -> Entitlement:
    return entitlement(org.system, org.owner)


def key(one: Entitlement) -> str:
    return f"{one.system.key}/{one.key}"


def holding(org: Organisation, what: Entitlement, name: str, **given: Any) -> Bundle:
    return bundle(what, org.owner, org.requester, name, **given)


def edited(org: Organisation, which: Bundle, **given: Any) -> ProposedChange:
    return approved(propose("bundle.edit", which, org.requester, **given), org.owner)


def broken(who: Identity, what: Entitlement) -> list[str]:
    return [one.rule_key for one in judge(who, [what.pk], timezone.now()).conflicts[what.pk]]


class TestAMember:
    @pytest.mark.parametrize("names", ["both", "neither"])
    def test_names_either_an_entitlement_or_a_bundle(self, org: Organisation, names: str) -> None:
        kept_apart(some(org), holding(org, some(org), "ordering"))
        (ordering,) = SeparationMember.objects.filter(bundle__isnull=False)
        ordering.pk, ordering.side = uuid4(), Side.LEFT
        ordering.version = drafted(some(org), some(org))
        ordering.entitlement = some(org) if names == "both" else None
        ordering.bundle = ordering.bundle if names == "both" else None
        with pytest.raises(IntegrityError, match="a_side_names_an_entitlement_or_a_bundle"), transaction.atomic():
            ordering.save(force_insert=True)


class TestASideThatNamesABundle:
    def test_is_all_that_it_holds_at_any_remove(self, org: Organisation) -> None:
        order, check, pay = some(org), some(org), some(org)
        holding(org, check, "checking")
        rule = kept_apart(holding(org, order, "ordering", bundles=["checking"]), pay)
        hold(org.requester, pay)
        assert broken(org.requester, order) == broken(org.requester, check) == [rule.key]
        assert broken(org.requester, some(org)) == broken(org.stranger, order) == []

    def test_is_scanned_for(self, org: Organisation) -> None:
        order, pay = some(org), some(org)
        kept_apart(holding(org, order, "ordering"), pay)
        hold(org.requester, order, pay)
        scan()
        found = SeparationViolation.objects.get()
        assert {found.left, found.right} == {order, pay}

    def test_follows_the_bundle(self, org: Organisation) -> None:
        order, check, pay = some(org), some(org), some(org)
        ordering = holding(org, order, "ordering")
        rule = kept_apart(ordering, pay)
        hold(org.requester, check, pay)
        scan()
        assert broken(org.stranger, check) == []
        edited(org, ordering, entitlements=[key(check)])
        scan()
        assert SeparationViolation.objects.get().left == check
        hold(org.stranger, pay)
        assert (broken(org.stranger, check), broken(org.stranger, order)) == ([rule.key], [])
        edited(org, ordering, entitlements=[key(order)])
        scan()
        assert SeparationViolation.objects.get().state == ViolationState.RESOLVED

    def test_follows_what_is_in_the_bundle(self, org: Organisation) -> None:
        order, check, pay = some(org), some(org), some(org)
        checking = holding(org, check, "checking")
        kept_apart(holding(org, order, "ordering", bundles=["checking"]), pay)
        hold(org.requester, check, pay)
        approved(propose("bundle.retire", checking, org.requester, state="retired"), org.owner)
        scan()
        assert not SeparationViolation.objects.exists()

    def test_is_named_by_the_bundles_key(self, org: Organisation) -> None:
        pay = some(org)
        side: set[Entitlement | Bundle] = {holding(org, some(org), "ordering"), pay}
        rule = kept_apart(side, some(org))
        version = rule.versions.get()
        assert keys_of(version)["left"] == sorted(["ordering", key(pay)])


class TestDrafting:
    def test_names_active_bundles_alone(self, org: Organisation) -> None:
        made = holding(org, org.entitlement, "ordering")
        approved(propose("bundle.retire", made, org.requester, state="retired"), org.owner)
        with pytest.raises(Invalid) as refused:
            drafted(made, some(org))
        assert "active bundle" in refused.value.fields["left"]

    def test_puts_nothing_on_both_sides_through_a_bundle(self, org: Organisation) -> None:
        order = some(org)
        with pytest.raises(Invalid) as refused:
            drafted(order, holding(org, order, "ordering"))
        assert str(order) in refused.value.fields["right"]

    def test_does_not_help_once_the_bundle_has_changed(self, org: Organisation) -> None:
        """Nothing guards a draft: it is looked at again as it is put in force."""
        order, pay = some(org), some(org)
        ordering = holding(org, order, "ordering")
        draft = drafted(ordering, pay, owner=org.backup)
        change = propose("separation_rule.publish", draft, administrator())
        edited(org, ordering, entitlements=[key(pay)])
        assert approved(change, org.backup).state == ChangeState.FAILED
        assert "both sides" in change.state_reason
        with pytest.raises(Conflict):
            propose("separation_rule.publish", draft, administrator())


@pytest.fixture
def named(org: Organisation) -> Bundle:
    return holding(org, some(org), "ordering")


@pytest.fixture
def pay(org: Organisation) -> Entitlement:
    return some(org)


@pytest.fixture
def rule(named: Bundle, pay: Entitlement, org: Organisation) -> SeparationRule:
    return kept_apart(named, pay, owner=org.backup)


class TestABundleThatARuleNames:
    def test_takes_nothing_in_from_the_other_side(
        self, org: Organisation, named: Bundle, pay: Entitlement, rule: SeparationRule
    ) -> None:
        with pytest.raises(Invalid) as refused:
            edited(org, named, entitlements=[key(pay)])
        assert f"{rule.key} would have {pay} on both sides" in refused.value.fields["entitlements"]

    def test_takes_nothing_in_by_another_bundle(
        self, org: Organisation, named: Bundle, pay: Entitlement, rule: SeparationRule
    ) -> None:
        holding(org, pay, "paying")
        with pytest.raises(Invalid):
            edited(org, named, bundles=["paying"])

    def test_takes_nothing_in_by_one_that_it_includes(
        self, org: Organisation, named: Bundle, pay: Entitlement, rule: SeparationRule
    ) -> None:
        inner = holding(org, some(org), "inner")
        edited(org, named, bundles=["inner"])
        with pytest.raises(Invalid):
            edited(org, inner, entitlements=[key(pay)])

    def test_takes_it_in_once_no_rule_is_in_force(
        self, org: Organisation, named: Bundle, pay: Entitlement, rule: SeparationRule
    ) -> None:
        version = rule.versions.get(state=VersionState.IN_FORCE)
        approved(propose("separation_rule.retire", version, administrator()), org.backup)
        assert edited(org, named, entitlements=[key(pay)]).state == ChangeState.APPLIED

    def test_is_not_retired(self, org: Organisation, named: Bundle, rule: SeparationRule) -> None:
        with pytest.raises(Conflict, match=rule.key):
            propose("bundle.retire", named, org.requester, state="retired")

    def test_is_held_to_the_same_from_files(
        self, org: Organisation, named: Bundle, pay: Entitlement, rule: SeparationRule, tmp_path: Path
    ) -> None:
        export(tmp_path)
        apply(tmp_path)
        file = tmp_path / "bundles/ordering.yaml"
        file.write_text(file.read_text().replace(bundles.values(named)["entitlements"][0], key(pay)))
        with pytest.raises(Refused, match="on both sides"):
            apply(tmp_path)
        file.unlink()
        assert [rule.key in str(one) for one in problems(tmp_path)] == [True]
