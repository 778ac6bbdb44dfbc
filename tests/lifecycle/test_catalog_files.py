"""The catalog as code: planned, applied all or nothing, and the same files again afterwards."""

from datetime import timedelta
from pathlib import Path
from typing import Any
from unicodedata import normalize

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from governance.catalog import bundles, managed
from governance.catalog.models import Bundle, CatalogApplication, Entitlement, FileManagement, System
from governance.catalog.rules import key_problem
from governance.catalog.states import BundleState, CatalogState, Risk
from governance.connectors.models import ConnectorConfiguration
from governance.core.actor import Role
from governance.core.errors import Denied
from governance.grants.models import Grant
from governance.grants.states import GrantState
from governance.identities.models import Identity, Ownership, Team
from governance.identities.queries import owners_of
from governance.identities.states import OwnerRole
from governance.lifecycle.catalog_files import writing
from governance.lifecycle.catalog_files.applying import Refused
from governance.purposes.models import Purpose
from governance.purposes.states import PurposeState
from governance.requests import actions as requests
from tests import builders
from tests.builders import Organisation, actor, keep, person
from tests.changing import bundle
from tests.core.log import events_of
from tests.leases import decided
from tests.lifecycle.cataloguing import (
    LATER,
    administrator,
    apply,
    changed_elsewhere,
    edit,
    emptied,
    export,
    owner_of,
    planned,
    problems,
    reached,
    says,
    written,
)

pytestmark = pytest.mark.django_db

ODD = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=40).filter(
    lambda text: bool(text.strip())
) | st.text(st.sampled_from(" \n\t:'\"#-|>&*!%@`{}[],?~aN1\x85\u2028\ufeff\x7f="), min_size=1, max_size=30).filter(
    lambda text: bool(text.strip())
)


KEYS = ODD.map(lambda text: normalize("NFC", "".join(filter(str.isprintable, text))).strip()).filter(
    lambda text: bool(text) and not key_problem(text)
)


@pytest.fixture
def org() -> Organisation:
    return Organisation()


@pytest.fixture
def owner() -> Identity:
    return person("Olive")


@pytest.fixture
def files(owner: Identity, tmp_path: Path) -> Path:
    return written(tmp_path / "catalog", owner)


def a_catalog(owner: Identity, team: Team) -> None:
    """Some hundreds of things of every kind, with odd names among them."""
    for number in range(12):
        on = reached(builders.system(owner, key=f"system-{number:02}", name=f"System: {number} “é”", risk=Risk.HIGH))
        keep(Ownership(subject_kind=on.NOUN, subject_id=on.pk, role=OwnerRole.BACKUP_OWNER, team=team,
                       starts_at=timezone.now()))  # fmt: skip
        offered = [
            builders.entitlement(
                on, owner, key=f"cn=role {n},ou='x'", name=f"Role # {n}", description=f"Reads\n  things: {n}\n\nyes",
                permits=[{"type": "ledger", "pattern": "a: *", "actions": ["read", "no"]}], privileged=n % 2 == 0,
                longest_lease=timedelta(hours=n + 1, minutes=n),
            )
            for n in range(20)
        ]  # fmt: skip
        builders.purpose(owner, *offered[:7], reference=f"P-3{number:03}", name="null", review_at=_in(90))
    for number, one in enumerate(Entitlement.objects.filter(privileged=False).order_by("system__key", "key")[:12]):
        bundle(
            one,
            owner,
            person(),
            key=f"bundle-{number}",
            criteria='identity.title == "x: y"\n&& true',
            birthright=number % 2 == 0,
            bundles=[f"bundle-{number - 1}"] if number else [],
        )


def _in(days: int) -> Any:
    return timezone.now() + timedelta(days=days)


class TestAnExport:
    def test_of_hundreds_of_things_comes_back_as_the_same_bytes(self, owner: Identity, tmp_path: Path) -> None:
        a_catalog(owner, builders.team("books", owner))
        first = export(tmp_path / "first")
        assert len(first) == 1 + 12 + 12 + 12
        assert sum(text.count(b"- key: ") for text in first.values()) == 240
        assert says(planned(tmp_path / "first")) == []
        emptied()
        apply(tmp_path / "first")
        assert export(tmp_path / "second") == first
        assert says(planned(tmp_path / "first")) == []

    @settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(key=KEYS, words=st.lists(ODD, min_size=4, max_size=4))
    def test_comes_back_whatever_things_are_called(
        self, owner: Identity, tmp_path: Path, key: str, words: list[str]
    ) -> None:
        name, text, pattern, purpose = words
        emptied()
        on = reached(builders.system(owner, key="odd", name=name, description=text))
        permits = [{"type": key, "pattern": pattern, "actions": [text, pattern]}]
        one = builders.entitlement(on, owner, key=key, name=name, description=text, permits=permits)
        builders.purpose(owner, one, reference="P-1", name=purpose, description=text)
        first = export(tmp_path / "first")
        assert planned(tmp_path / "first").changes == []
        emptied()
        apply(tmp_path / "first", actor(owner, Role.ADMINISTRATOR))
        assert export(tmp_path / "second") == first

    def test_leaves_out_what_is_over_and_the_portal_itself(self, org: Organisation, tmp_path: Path) -> None:
        retired = builders.entitlement(org.system, org.owner, state=CatalogState.RETIRED)
        builders.purpose(org.owner, retired, org.entitlement, reference="P-77", state=PurposeState.RETIRED)
        builders.portal_role(org.boss, Role.AUDITOR)
        found = export(tmp_path)
        assert f"systems/{org.system.key}.yaml" in found
        assert "purposes/P-77.yaml" not in found
        assert "systems/portal.yaml" not in found
        assert retired.key.encode() not in found[f"systems/{org.system.key}.yaml"]

    def test_removes_the_files_of_what_is_there_no_more(self, org: Organisation, tmp_path: Path) -> None:
        export(tmp_path)
        (tmp_path / "systems" / "old.yaml").write_text("system: {}")
        (tmp_path / "README.md").write_text("Ours")
        assert "systems/old.yaml" not in export(tmp_path)
        assert (tmp_path / "README.md").exists()

    def test_that_fails_on_the_way_leaves_no_file_half_or_out(self, tmp_path: Path) -> None:
        fails = {"catalog.yaml": "format: 1\n", "systems/no/such.yaml": ""}
        with pytest.raises(OSError, match="such"):
            writing.write(tmp_path / "new", fails)
        assert not (tmp_path / "new/catalog.yaml").exists()
        writing.write(tmp_path / "old", {"catalog.yaml": "format: 1\n", "systems/a.yaml": "a"})
        with pytest.raises(OSError, match="such"):
            writing.write(tmp_path / "old", fails)
        assert (tmp_path / "old/systems/a.yaml").read_text() == "a"


class TestApplying:
    def test_makes_what_is_not_there(self, files: Path, owner: Identity) -> None:
        plan = apply(files)
        assert says(plan) == [
            "create system ledger",
            "create entitlement ledger/read",
            "create bundle accountant",
            "create bundle base",
            "create purpose P-2001",
        ]
        read = Entitlement.objects.get(system__key="ledger")
        accountant = Bundle.objects.get(key="accountant")
        assert bundles.held_by([accountant.pk]) == {read.pk}
        assert accountant.state == BundleState.ACTIVE
        assert Purpose.objects.get(reference="P-2001").state == PurposeState.ACTIVE
        assert ConnectorConfiguration.objects.get(system__key="ledger").plugin == "manual"
        for one in (read, accountant, System.objects.get(key="ledger"), Purpose.objects.get(reference="P-2001")):
            assert owners_of(one.NOUN, one.pk, timezone.now()) == [owner]

    def test_is_recorded_with_who_did_it(self, files: Path) -> None:
        by = administrator()
        apply(files, by, "Commit 4f2a")
        application = CatalogApplication.objects.get()
        assert application.by_id == by.identity_id
        assert application.counts == {"create": 5, "change": 0, "retire": 0, "managed": 5}
        (event,) = events_of(application.pk)
        assert (event["action"], event["actor_id"]) == ("catalog_application.created", by.identity_id)
        made = events_of(System.objects.get(key="ledger").pk)[0]
        assert (made["action"], made["actor_kind"]) == ("system.active", "system")
        assert made["content"]["reason"] == "Commit 4f2a (files applied by Admin, owners not asked)"

    def test_a_second_time_changes_nothing(self, files: Path) -> None:
        by = administrator()
        apply(files, by)
        before = (Entitlement.history.count(), FileManagement.history.count(), CatalogApplication.objects.count())
        assert apply(files, by).is_idle
        assert before == (Entitlement.history.count(), FileManagement.history.count(), 1)

    def test_changes_what_differs_field_by_field(self, files: Path) -> None:
        apply(files)
        edit(files / "systems/ledger.yaml", "risk: high", "risk: critical")
        edit(files / "systems/ledger.yaml", "longest_lease: 30 days", "longest_lease: 480 hours")
        edit(files / "bundles/base.yaml", "name: Base", "name: The base")
        edit(files / "purposes/P-2001.yaml", "name: Keeping the books", "name: Books\n  description: All of them.")
        plan = apply(files)
        assert [(str(one.address), [d.field for d in one.differences]) for one in plan.changes] == [
            ("system ledger", ["risk"]),
            ("entitlement ledger/read", ["longest_lease"]),
            ("bundle base", ["name"]),
            ("purpose P-2001", ["name", "description"]),
        ]
        assert System.objects.get(key="ledger").risk == "critical"
        assert Entitlement.objects.get(system__key="ledger").longest_lease == timedelta(days=20)
        assert bundles.current_version(Bundle.objects.get(key="base")).number == 2
        assert bundles.current_version(Bundle.objects.get(key="accountant")).number == 1
        assert Purpose.objects.get(reference="P-2001").description == "All of them."

    def test_passes_ownership_on_to_people_and_teams(self, files: Path, owner: Identity) -> None:
        apply(files)
        other = person("Otto")
        builders.team("books", other)
        edit(files / "systems/ledger.yaml", owner_of(owner), "  owner:\n    team: books\n" + owner_of(owner).replace(
            "owner:", "backup_owner:"))  # fmt: skip
        apply(files)
        system = System.objects.get(key="ledger")
        now = timezone.now()
        assert owners_of(system.NOUN, system.pk, now) == [other]
        assert owners_of(system.NOUN, system.pk, now, role=OwnerRole.BACKUP_OWNER) == [owner]
        assert Ownership.objects.filter(subject_id=system.pk).count() == 3

    def test_leaves_alone_what_no_file_has_ever_said(self, org: Organisation, files: Path) -> None:
        apply(files)
        org.entitlement.refresh_from_db()
        assert org.entitlement.state == CatalogState.ACTIVE
        assert org.purpose.reference not in "".join(says(planned(files)))

    def test_retires_what_was_managed_and_is_in_no_file_any_more(self, files: Path) -> None:
        apply(files)
        for name in ("systems/ledger.yaml", "bundles/base.yaml", "bundles/accountant.yaml", "purposes/P-2001.yaml"):
            (files / name).unlink()
        plan = apply(files)
        assert {one.verb for one in plan.changes} == {"retire"}
        assert Entitlement.objects.get(system__key="ledger").state == CatalogState.RETIRED
        assert System.objects.get(key="ledger").state == CatalogState.RETIRED
        assert set(Bundle.objects.values_list("state", flat=True)) == {BundleState.RETIRED}
        assert Purpose.objects.get(reference="P-2001").state == PurposeState.RETIRED
        assert not FileManagement.objects.filter(ended_at__isnull=True).exists()
        assert apply(files).is_idle

    def test_takes_an_unchanged_export_under_management(self, org: Organisation, tmp_path: Path) -> None:
        export(tmp_path)
        assert says(apply(tmp_path)) == []
        mark = FileManagement.objects.get(subject_id=org.entitlement.pk)
        assert mark.file == f"systems/{org.system.key}.yaml"
        assert apply(tmp_path).is_idle

    def test_is_for_administrators_alone(self, files: Path) -> None:
        for nobody in (actor(person()), builders.BUILDER):
            with pytest.raises(Denied):
                apply(files, nobody)
        assert not System.objects.filter(key="ledger").exists()

    def test_applies_nothing_if_anything_is_wrong(self, files: Path) -> None:
        edit(files / "purposes/P-2001.yaml", "ledger/read", "ledger/write")
        with pytest.raises(Refused) as found:
            apply(files)
        (problem,) = found.value.problems
        assert str(problem).endswith("purpose.entitlements: There is no active entitlement ledger/write.")
        assert not System.objects.filter(key="ledger").exists()
        assert not CatalogApplication.objects.exists()

    def test_undoes_all_of_it_where_something_fails_on_the_way(
        self, files: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(*_args: Any, **_named: Any) -> None:
            raise RuntimeError("the disk is full")

        monkeypatch.setattr(managed, "manage", broken)
        with pytest.raises(RuntimeError):
            apply(files)
        assert not System.objects.filter(key="ledger").exists()


class TestDrift:
    def test_is_told_and_set_right(self, files: Path) -> None:
        apply(files)
        changed_elsewhere(System.objects.get(key="ledger"), risk="low")
        plan = planned(files)
        assert [(str(one.address), one.text) for one in plan.drift] == [
            ("system ledger", "risk was applied as 'high' and is 'low'")
        ]
        assert says(plan) == ["change system ledger"]
        apply(files)
        assert System.objects.get(key="ledger").risk == "high"
        assert not planned(files).drift

    def test_that_the_files_have_taken_up_is_none(self, files: Path) -> None:
        apply(files)
        changed_elsewhere(System.objects.get(key="ledger"), risk="low")
        edit(files / "systems/ledger.yaml", "risk: high", "risk: low")
        plan = planned(files)
        assert (list(plan.drift), list(plan.changes), plan.is_idle) == ([], [], False)
        apply(files)
        assert planned(files).is_idle

    def test_of_what_has_come_to_its_end_stands_in_nobodys_way(self, files: Path) -> None:
        apply(files)
        changed_elsewhere(Purpose.objects.get(reference="P-2001"), state=PurposeState.RETIRED)
        plan = planned(files)
        assert ([one.text for one in plan.drift], plan.is_idle) == (["is retired: its file can go"], True)
        edit(files / "purposes/P-2001.yaml", "Keeping", "Still keeping")
        assert "is retired already" in str(problems(files)[0])
        (files / "purposes/P-2001.yaml").unlink()
        assert says(apply(files)) == []
        assert apply(files).is_idle


class TestWithLeases:
    def test_refuses_to_retire_an_entitlement_under_a_lease(self, org: Organisation, tmp_path: Path) -> None:
        grant = _lease(org)
        export(tmp_path)
        apply(tmp_path)
        file = tmp_path / f"systems/{org.system.key}.yaml"
        file.write_text(file.read_text().partition("entitlements:")[0])
        (tmp_path / f"purposes/{org.purpose.reference}.yaml").unlink()
        (problem,) = problems(tmp_path)
        assert f"{grant} still rests on it" in problem.text

    def test_refuses_to_retire_a_system_with_what_no_file_says(self, org: Organisation, tmp_path: Path) -> None:
        export(tmp_path)
        apply(tmp_path)
        other = builders.entitlement(org.system, org.owner)
        (tmp_path / f"systems/{org.system.key}.yaml").unlink()
        (tmp_path / f"purposes/{org.purpose.reference}.yaml").unlink()
        (problem,) = problems(tmp_path)
        assert f"it has {org.system.key}/{other.key}, which no file says" in problem.text

    def test_refuses_to_retire_the_purpose_of_the_portals_own_roles(self, tmp_path: Path) -> None:
        role = builders.portal_role(person("Admin"), Role.ADMINISTRATOR)
        export(tmp_path)
        apply(tmp_path)
        (tmp_path / f"purposes/{role.purpose.reference}.yaml").unlink()
        (problem,) = problems(tmp_path)
        assert "the portal's own roles rest on it" in problem.text

    def test_grants_nobody_what_is_retired(self, org: Organisation) -> None:
        request = org.submit()
        changed_elsewhere(org.entitlement, state=CatalogState.RETIRED)
        decided(request, org.manager, org.owner)
        assert request.items.get().state_reason == f"{org.entitlement} is retired: nobody is given it any more."
        assert not Grant.objects.exists()

    def test_refuses_to_narrow_a_scope_under_a_lease(self, org: Organisation, tmp_path: Path) -> None:
        grant = _lease(org)
        export(tmp_path)
        file = tmp_path / f"purposes/{org.purpose.reference}.yaml"
        file.write_text(file.read_text().partition("  entitlements:")[0])
        (problem,) = problems(tmp_path)
        assert (problem.field, str(grant) in problem.text) == ("purpose.entitlements", True)

    def test_ends_what_rests_on_purposes_that_are_retired(self, org: Organisation, tmp_path: Path) -> None:
        """Two at once: what removes their access is queued together."""
        other = builders.entitlement(org.system, org.owner)
        second = builders.purpose(org.owner, other)
        asked = builders.draft(org.requester, other, second)
        request = requests.submit(draft=asked, actor=actor(org.requester), now=timezone.now())
        grants = [_lease(org), builders.live_grant(request)]
        export(tmp_path)
        apply(tmp_path)
        for one in (org.purpose, second):
            (tmp_path / f"purposes/{one.reference}.yaml").unlink()
        plan = apply(tmp_path)
        assert {one.note for one in plan.changes} == {"ends with it: 1 running"}
        for grant in grants:
            assert Grant.objects.get(pk=grant.pk).state in {GrantState.REVOKING, GrantState.REVOKED}

    def test_shortens_leases_with_an_earlier_end_and_names_another_owner(
        self, org: Organisation, tmp_path: Path
    ) -> None:
        grant = _lease(org)
        export(tmp_path)
        file, soon = tmp_path / f"purposes/{org.purpose.reference}.yaml", (timezone.now() + timedelta(hours=1))
        lines = [
            f"  ends_at: '{soon:%Y-%m-%dT%H:%M:%SZ}'" if line.startswith("  ends_at") else line
            for line in file.read_text().splitlines()
        ]
        file.write_text("\n".join(lines))
        edit(file, owner_of(org.owner), owner_of(org.backup))
        apply(tmp_path)
        kept = Grant.objects.get(pk=grant.pk)
        assert kept.ends_at == soon.replace(microsecond=0)
        assert kept.accountable_owner == org.backup


def _lease(org: Organisation) -> Grant:
    return builders.live_grant(org.submit())


class TestLater:
    def test_is_within_what_a_bundle_may_wait_for_its_review(self) -> None:
        assert f"{timezone.now() + timedelta(days=366):%Y-%m-%d}" > LATER
