"""Whether those whom a rule names could answer its steps, said before it is put in force."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from governance.policy.consequences import read
from governance.policy.reachability import unreachable
from tests.builders import Organisation, machine, person, team

pytestmark = pytest.mark.django_db

LEDGER = {"kind": "team", "team": "ledger"}


def said(*steps: dict[str, Any]) -> str:
    return " ".join(unreachable(read({"steps": list(steps)}), timezone.now()))


class TestUnreachable:
    def test_is_a_team_that_does_not_exist(self) -> None:
        assert said(LEDGER) == "Team ledger: there is no such team."

    def test_is_a_team_smaller_than_its_quorum(self) -> None:
        org = Organisation()
        team("ledger", person(), person(state="on_leave"), machine(org.owner))
        assert said(LEDGER) == ""
        assert said({**LEDGER, "required": 2}) == "Team ledger: 1 active, and 2 must agree."

    def test_is_a_team_of_whom_too_few_count(self) -> None:
        team("ledger", person(department="Finance"), person())
        counts = {"counts": ["identity.department == 'Finance'"]}
        assert said({**LEDGER, **counts}) == ""
        assert said({**LEDGER, **counts, "required": 2}).startswith("Team ledger: 1 of its 2 active members count")

    def test_is_security_without_anybody(self) -> None:
        assert said({"kind": "security"}) == "Security: there is no such team."
        team("security", person())
        assert said({"kind": "security"}) == ""

    def test_is_more_than_one_manager(self) -> None:
        assert said({"kind": "manager"}) == ""
        assert said({"kind": "manager", "required": 2}).startswith("Manager: a person has one, and 2 must agree.")
