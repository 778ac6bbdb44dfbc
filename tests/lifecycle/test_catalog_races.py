"""The catalog's files while others act: what is retired is held by nobody, and nothing is made twice under one key.

Each act is stopped between its checks and its writing, by a table that nobody else may write meanwhile.
"""

from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError, transaction
from django.utils import timezone

from governance.catalog.models import Bundle, CatalogApplication, Entitlement, System
from governance.catalog.states import CatalogState
from governance.core.errors import Conflict, Invalid, NotFound
from governance.grants.models import Grant
from governance.grants.states import OVER
from governance.identities.models import Identity
from governance.lifecycle.catalog_files import applying, reading
from governance.lifecycle.catalog_files.applying import Refused
from governance.purposes.models import Purpose
from governance.requests.models import RequestItem
from governance.requests.states import ItemState
from tests.builders import Organisation, person, step_ids
from tests.changing import WHY, propose
from tests.harness.races import Act, one_after_the_other
from tests.leases import approve
from tests.lifecycle.cataloguing import LATER, administrator, apply, changed_elsewhere, edit, export, written

pytestmark = pytest.mark.django_db(transaction=True)


def asked(org: Organisation) -> Act:
    return org.submit


def decided(org: Organisation) -> Act:
    first, last = step_ids(org.submit())
    approve(first, org.manager)
    return partial(approve, last, org.owner)


def retiring(org: Organisation, directory: Path) -> Act:
    """Apply files in which the entitlement is no more. No file names the purpose, so that it is nobody's to hold."""
    export(directory)
    (directory / f"purposes/{org.purpose.reference}.yaml").unlink()
    apply(directory)
    file = directory / f"systems/{org.system.key}.yaml"
    file.write_text(file.read_text().partition("entitlements:")[0])
    files, by = reading.read(directory), administrator()
    return lambda: applying.apply(files=files, actor=by, reason=WHY, now=timezone.now())


def rests(org: Organisation) -> bool:
    held = Grant.objects.filter(entitlement=org.entitlement).exclude(state__in=OVER)
    return held.exists() or RequestItem.objects.filter(entitlement=org.entitlement, state=ItemState.PENDING).exists()


class TestARetiredEntitlement:
    @pytest.mark.parametrize(("way", "writes"), [(asked, RequestItem), (decided, Grant)])
    def test_is_none_where_somebody_asks_or_decides_first(self, way: Any, writes: Any, tmp_path: Path) -> None:
        org = Organisation()
        apply_files = retiring(org, tmp_path)
        first, refused = one_after_the_other(way(org), writes, apply_files)
        assert not isinstance(first, Exception), first
        assert isinstance(refused, Refused), refused
        org.entitlement.refresh_from_db()
        assert (org.entitlement.state, rests(org)) == (CatalogState.ACTIVE, True)

    def test_waits_for_whoever_decides(self) -> None:
        org = Organisation()
        taking = Entitlement.objects.select_for_update(nowait=True, no_key=True).filter(pk=org.entitlement.pk)

        def take() -> None:
            with transaction.atomic():
                list(taking)

        grant, held = one_after_the_other(decided(org), Grant, take)
        assert not isinstance(grant, Exception), grant
        assert isinstance(held, OperationalError), held

    def test_is_asked_for_by_nobody_afterwards(self, tmp_path: Path) -> None:
        org = Organisation()
        plan, late = one_after_the_other(retiring(org, tmp_path), CatalogApplication, org.submit)
        assert not isinstance(plan, Exception), plan
        assert isinstance(late, NotFound), late
        org.entitlement.refresh_from_db()
        assert (org.entitlement.state, rests(org)) == (CatalogState.RETIRED, False)


class TestApplying:
    def test_is_done_by_one_after_the_other(self, tmp_path: Path) -> None:
        files, by = reading.read(written(tmp_path, person("Olive"))), administrator()
        act = partial(applying.apply, files=files, actor=by, reason=WHY, now=timezone.now())
        done, again = one_after_the_other(act, CatalogApplication, act)
        assert [len(done.changes), again.is_idle] == [5, True]

    def test_is_refused_where_something_changes_after_the_plan(self, tmp_path: Path) -> None:
        files, by = written(tmp_path, person("Olive")), administrator()
        apply(files, by)
        edit(files / "systems/ledger.yaml", "risk: high", "risk: critical")
        other = partial(changed_elsewhere, System.objects.get(key="ledger"), risk="low")
        _, refused = one_after_the_other(other, System.history.model, partial(apply, files, by))
        assert isinstance(refused, Conflict), refused
        assert "has changed meanwhile" in refused.message
        assert System.objects.get(key="ledger").risk == "low"


class TestAKey:
    """Of what pages make and files say too."""

    def proposing(self, org: Organisation, by: Identity) -> Act:
        given = {"name": "Base", "review_at": LATER, "entitlements": [f"{org.system.key}/{org.entitlement.key}"]}
        return partial(propose, "bundle.new", None, by, key="base", **given)

    def test_is_given_to_one_bundle_where_two_propose_it(self) -> None:
        org = Organisation()
        acts = [self.proposing(org, by) for by in (org.requester, org.stranger)]
        change, late = one_after_the_other(acts[0], Bundle, acts[1])
        assert not isinstance(change, Exception), change
        assert isinstance(late, Invalid), late
        assert late.fields == {"key": "There is a bundle base already."}

    def test_is_given_to_one_bundle_where_files_say_it_too(self, tmp_path: Path) -> None:
        org = Organisation()
        act = partial(apply, written(tmp_path, org.owner), administrator())
        change, late = one_after_the_other(self.proposing(org, org.requester), Bundle, act)
        assert not isinstance(change, Exception), change
        assert isinstance(late, Refused), late
        assert "bundle base is proposed already" in late.message

    def test_is_given_to_one_purpose_where_files_say_it_too(self, tmp_path: Path) -> None:
        org, files = Organisation(), written(tmp_path, person("Olive"))
        proposing = partial(propose, "purpose.new", None, org.requester, name="Books", ends_at=LATER)
        following = f"P-{max(1001, int(org.purpose.reference[2:]) + 1)}"
        edit(files / "purposes/P-2001.yaml", "P-2001", following)
        (files / "purposes/P-2001.yaml").rename(files / f"purposes/{following}.yaml")
        change, late = one_after_the_other(proposing, Purpose, partial(apply, files, administrator()))
        assert not isinstance(change, Exception), change
        assert isinstance(late, Refused), late
        assert f"purpose {following} is proposed already" in late.message
