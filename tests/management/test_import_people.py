"""The commands, as an operator types them."""

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from governance.core.actor import Role
from governance.identities.models import Identity
from governance.lifecycle.models import FeedRun, Source
from governance.lifecycle.states import RunState
from tests import builders
from tests.lifecycle.feeding import HERE, a_file, a_source, administrator, row

pytestmark = pytest.mark.django_db


@pytest.fixture
def naomi() -> str:
    person = builders.person("Naomi")
    builders.portal_role(person, Role.ADMINISTRATOR)
    assert person.user is not None
    return str(person.user.username)


@pytest.fixture
def staff() -> Source:
    return a_source(administrator())


@pytest.fixture
def written(tmp_path: Path) -> Path:
    return tmp_path / "people.csv"


def said(*arguments: object) -> tuple[str, str]:
    out, err = StringIO(), StringIO()
    call_command("import_people", *map(str, arguments), stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


class TestImportPeople:
    def test_imports_and_says_what_it_did(self, staff: Source, written: Path) -> None:
        written.write_bytes(a_file(row("A"), row("B", status="??")))
        out, err = said(written)
        assert out.startswith("1 created, 0 updated, 0 ended, 0 unchanged, 1 rejected")
        assert err == "Row 3: status: the source does not say what “??” means.\n"
        run = FeedRun.objects.get()
        assert (run.state, run.file_name, run.decided_by) == (RunState.APPLIED, "people.csv", "import_people")

    def test_keeps_nothing_of_a_dry_run(self, staff: Source, written: Path) -> None:
        written.write_bytes(a_file(row("A")))
        out, _ = said(written, "--dry-run")
        assert out.startswith("1 created")
        assert not FeedRun.objects.exists()
        assert not Identity.objects.filter(source="staff").exists()

    def test_is_strict_if_asked_to(self, staff: Source, written: Path) -> None:
        written.write_bytes(a_file(row("A"), row("B", status="??")))
        with pytest.raises(CommandError, match="changes nothing"):
            said(written, "--strict")
        assert not Identity.objects.filter(source="staff").exists()

    def test_holds_a_shrunken_file_until_somebody_answers_for_it(
        self, staff: Source, written: Path, naomi: str
    ) -> None:
        written.write_bytes(a_file(*[row(f"K{n}") for n in range(10)]))
        said(written)
        written.write_bytes(a_file(*[row(f"K{n}") for n in range(4)]))
        with pytest.raises(CommandError, match="6 are missing"):
            said(written)
        with pytest.raises(CommandError, match="--by"):
            said(written, "--accept-shrinkage", "The yard was sold")
        said(written, "--accept-shrinkage", "The yard was sold", "--by", naomi)
        run = FeedRun.objects.order_by("number").last()
        assert run
        assert (run.state, run.decided_by, run.state_reason) == (RunState.APPLIED, "Naomi", "The yard was sold")

    def test_takes_the_word_of_administrators_alone(self, staff: Source, written: Path) -> None:
        written.write_bytes(a_file(row("A")))
        nobody = builders.person("Nobody").user
        assert nobody
        for name in (nobody.username, "unknown"):
            with pytest.raises(CommandError):
                said(written, "--by", name)

    def test_asks_which_source_is_meant(self, staff: Source, written: Path) -> None:
        a_source(administrator(), key="other")
        written.write_bytes(a_file(row("A")))
        with pytest.raises(CommandError, match="other, staff"):
            said(written)
        with pytest.raises(CommandError, match="can't be read"):
            said(written.with_name("missing.csv"), "--source", "staff")
        said(written, "--source", "staff")


class TestDefineSource:
    def test_defines_it_and_changes_it(self, naomi: str, tmp_path: Path) -> None:
        builders.purpose(builders.person(), reference="P-EXT")
        call_command("define_source", HERE / "people.toml", "--by", naomi, stdout=StringIO())
        assert Source.objects.get().most_ended == 30
        file = tmp_path / "changed.toml"
        file.write_text((HERE / "people.toml").read_text().replace("most_ended = 30", "most_ended = 5"))
        call_command("define_source", file, "--by", naomi, stdout=StringIO())
        assert Source.objects.get().most_ended == 5

    @pytest.mark.parametrize(
        "text",
        [
            "key = 'a'\nname = 'b'\nexternal_term_days = 'x'\n[columns]\nkey = 'k'\nname = 'n'",
            "key = ",
            "key = 'a'\nname = 'b'\n[columns]\nx = 'y'",
            "shoe = 1",
            "key = 'a'",
        ],
    )
    def test_says_what_is_wrong_with_a_file(self, naomi: str, tmp_path: Path, text: str) -> None:
        file = tmp_path / "source.toml"
        file.write_text(text)
        with pytest.raises(CommandError):
            call_command("define_source", file, "--by", naomi)
        assert not Source.objects.exists()
