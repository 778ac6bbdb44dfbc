"""What is managed from files changes there, and nowhere else."""

from collections.abc import Callable
from pathlib import Path

import pytest
from django.utils import timezone

from governance.catalog.models import Bundle, Entitlement
from governance.changes import actions
from governance.changes.models import ProposedChange
from governance.changes.states import ChangeState
from governance.core.errors import Conflict
from governance.core.models import Governed
from governance.purposes.models import Purpose
from tests import changing
from tests.builders import Organisation, actor
from tests.changing import approved, propose
from tests.lifecycle.cataloguing import apply, export

pytestmark = pytest.mark.django_db

Proposing = Callable[[], ProposedChange]


@pytest.fixture
def org() -> Organisation:
    return Organisation()


@pytest.fixture
def bundle(org: Organisation) -> Bundle:
    return changing.bundle(org.entitlement, org.owner, org.requester)


def managed(into: Path) -> None:
    export(into)
    apply(into)


def proposals(org: Organisation, bundle: Bundle) -> dict[str, tuple[Governed, Proposing]]:
    """Every kind of change of a thing that files can say."""
    return {
        "entitlement.edit": (
            org.entitlement,
            lambda: propose("entitlement.edit", org.entitlement, org.requester, name="Other"),
        ),
        "purpose.edit": (org.purpose, lambda: propose("purpose.edit", org.purpose, org.requester, name="Other")),
        "purpose.retire": (org.purpose, lambda: propose("purpose.retire", org.purpose, org.requester)),
        "bundle.edit": (bundle, lambda: propose("bundle.edit", bundle, org.requester, name="Other")),
        "bundle.retire": (bundle, lambda: propose("bundle.retire", bundle, org.requester, state="retired")),
    }


KINDS = ("entitlement.edit", "purpose.edit", "purpose.retire", "bundle.edit", "bundle.retire")


class TestWhatIsManagedFromFiles:
    @pytest.mark.parametrize("kind", KINDS)
    def test_is_not_proposed_to_be_changed(self, org: Organisation, bundle: Bundle, tmp_path: Path, kind: str) -> None:
        managed(tmp_path)
        thing, act = proposals(org, bundle)[kind]
        refusals: tuple[Callable[[], Governed], ...] = (act, lambda: _form(kind, thing, org))
        for refused in refusals:
            with pytest.raises(Conflict, match=r"is managed from files: change .*yaml and apply it") as found:
                refused()
            assert found.value.code == "managed_from_files"
        assert not ProposedChange.objects.filter(kind=kind).exists()

    @pytest.mark.parametrize("kind", KINDS)
    def test_is_not_changed_by_what_was_proposed_before(
        self, org: Organisation, bundle: Bundle, tmp_path: Path, kind: str
    ) -> None:
        _, act = proposals(org, bundle)[kind]
        change = act()
        managed(tmp_path)
        approved(change, org.owner)
        assert change.state == ChangeState.FAILED
        assert "is managed from files" in change.state_reason
        for one in (Entitlement, Purpose, Bundle):
            assert not one.objects.filter(name="Other").exists()


def _form(kind: str, thing: Governed, org: Organisation) -> Governed:
    return actions.proposable(kind=kind, subject_id=thing.pk, actor=actor(org.requester), now=timezone.now())
