"""Pages and API say what is managed from files, and offer no change of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.urls import reverse

from tests import changing
from tests.lifecycle.cataloguing import apply, export

if TYPE_CHECKING:
    from pathlib import Path

    from tests.builders import Organisation
    from tests.web.conftest import Visit

SAID = "Managed from files: it is changed in"


@pytest.mark.parametrize("kind", ["entitlement", "purpose", "bundle", "system"])
class TestPages:
    def test_say_it_and_offer_no_change(self, org: Organisation, visit: Visit, tmp_path: Path, kind: str) -> None:
        bundle = changing.bundle(org.entitlement, org.owner, org.requester)
        files = {
            "entitlement": (org.entitlement, f"systems/{org.system.key}.yaml"),
            "purpose": (org.purpose, f"purposes/{org.purpose.reference}.yaml"),
            "bundle": (bundle, "bundles/books.yaml"),
            "system": (org.system, f"systems/{org.system.key}.yaml"),
        }
        thing, file = files[kind]
        where, client = reverse(f"{kind}-detail", args=[thing.pk]), visit(org.requester)
        before = client.get(where).content.decode()
        assert SAID not in before
        assert "Propose a change" in before
        export(tmp_path)
        apply(tmp_path)
        after = client.get(where).content.decode()
        assert f"{SAID} {file}" in after
        assert "Propose a change" not in after
        answer = client.get(reverse(f"{kind}-edit", args=[thing.pk]))
        assert answer.status_code == 409
        assert f"change {file} and apply it" in answer.content.decode()
