"""The menu: what one does each day in a row, whatever else in groups, and where one is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from governance.core.actor import Role
from tests import builders

if TYPE_CHECKING:
    from django.test import Client

    from tests.builders import Organisation
    from tests.web.conftest import Visit

CATALOG = ["Entitlements", "Bundles", "Systems", "Purposes", "Changes"]
EACH_DAY = ["Home", "Requests", "Approvals", "Grants"]


def menu(client: Client, path: str = "/") -> dict[str, list[str]]:
    """The ways by their group, those that stand alone under their own name."""
    found: dict[str, list[str]] = {}
    for entry in re.split(r"\n          <li>", _nav(client, path))[1:]:
        group = re.search(r"<summary[^>]*>([^<]+)", entry)
        labels = re.findall(r"<a [^>]*>([^<]+?)\s*<", entry)
        found[group[1] if group else labels[0]] = labels if group else []
    return found


def here(client: Client, path: str) -> list[str]:
    """What the menu marks as where one is."""
    return re.findall(r'aria-current="\w+">([^<]+)<', _nav(client, path))


def _nav(client: Client, path: str) -> str:
    page = client.get(path).content.decode()
    return page[page.index('<nav class="mainnav"') : page.index("</nav>")]


class TestMenu:
    def test_is_short_for_those_who_ask(self, org: Organisation, visit: Visit) -> None:
        found = menu(visit(org.requester))
        assert list(found) == [*EACH_DAY, "Catalog"]
        assert found["Catalog"] == CATALOG

    @pytest.mark.parametrize("role", [Role.AUDITOR, Role.SECURITY, Role.ADMINISTRATOR])
    def test_groups_what_those_who_oversee_look_after(self, org: Organisation, visit: Visit, role: Role) -> None:
        someone = builders.person()
        builders.portal_role(someone, role)
        found = menu(visit(someone))
        assert found["Catalog"] == CATALOG
        assert found["Policy"] == ["Rules", "Separation", "Findings", "Calendars", "Break-glass", "Speed"]
        alone = [name for name, ways in found.items() if not ways and name not in EACH_DAY]
        assert alone == ["Tasks", *([] if role == Role.SECURITY else ["People"]), "Audit"]

    def test_has_no_group_of_one(self, org: Organisation, visit: Visit) -> None:
        found = menu(visit(org.owner), "/findings/")
        assert list(found) == [*EACH_DAY, "Catalog", "Findings"]
        assert found["Findings"] == []

    @pytest.mark.parametrize(
        ("path", "marked"),
        [
            ("/", ["Home"]),
            ("/grants/", ["Grants"]),
            ("/catalog/", ["Catalog", "Entitlements"]),
            ("/catalog/systems/", ["Catalog", "Systems"]),
            ("/bundles/new/", ["Catalog", "Bundles"]),
            ("/notifications/", []),
        ],
    )
    def test_marks_where_one_is(self, org: Organisation, visit: Visit, path: str, marked: list[str]) -> None:
        assert here(visit(org.requester), path) == marked

    def test_is_for_those_who_have_signed_in(self, db: None, client: Client) -> None:
        assert '<nav class="mainnav"' not in client.get("/accounts/login/").content.decode()
