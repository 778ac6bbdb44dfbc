import io

import pytest
from django.core.management import CommandError, call_command


def printed(*arguments: str) -> str:
    out = io.StringIO()
    call_command("mine_roles", *arguments, stdout=out)
    return out.getvalue()


class TestMineRoles:
    def test_prints_precision_and_recall_of_a_planted_set(self) -> None:
        said = printed("--planted")
        assert said.startswith("8,000 people hold 115,762 entitlements by 80 planted roles, 3 % missing")
        figures = {line.split()[0]: float(line.split()[1]) for line in said.splitlines() if line[0] in "pr"}
        assert figures["recall"] >= 0.9
        assert figures["precision"] >= 0.9

    def test_fails_where_too_little_is_found(self) -> None:
        with pytest.raises(CommandError, match="Less than 90%"):
            printed("--planted", "--people", "1500", "--missing", "60")

    @pytest.mark.django_db
    def test_mines_access_as_it_stands(self) -> None:
        assert printed() == "0 roles.\n"
