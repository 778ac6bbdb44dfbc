"""`manage.py catalog`, as an operator or a pipeline types it: what it prints, and how it ends."""

from hashlib import sha256
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from governance.audit.models import AuditEvent
from governance.catalog.models import Bundle, CatalogApplication, Entitlement, System
from governance.core.actor import Role
from governance.identities.models import Identity
from governance.management.organisation import Size, generate
from tests import builders
from tests.builders import Organisation
from tests.lifecycle import cataloguing
from tests.lifecycle.cataloguing import changed_elsewhere, edit, owner_of

pytestmark = pytest.mark.django_db

CHANGES, REFUSED = 2, 1


@pytest.fixture
def naomi() -> Identity:
    person = builders.person("Naomi")
    builders.portal_role(person, Role.ADMINISTRATOR)
    return person


@pytest.fixture
def files(naomi: Identity, tmp_path: Path) -> Path:
    return cataloguing.written(tmp_path / "catalog", naomi)


def said(*arguments: object) -> tuple[str, int]:
    """What the command prints, and the code it ends with."""
    out = StringIO()
    try:
        call_command("catalog", *map(str, arguments), stdout=out, stderr=StringIO())
    except SystemExit as end:
        return out.getvalue(), int(str(end.code))
    except CommandError as refusal:
        return str(refusal), refusal.returncode
    return out.getvalue(), 0


def applied(files: Path, by: Identity) -> str:
    assert by.user
    text, code = said("apply", files, "--by", by.user.username)
    assert code == 0, text
    return text


class TestPlan:
    def test_of_an_unchanged_export_is_no_changes(self, naomi: Identity, tmp_path: Path) -> None:
        Organisation()
        assert said("export", tmp_path / "catalog", "--by", naomi.user and naomi.user.username)[1] == 0
        assert said("plan", tmp_path / "catalog") == ("no changes\n", 0)

    def test_says_the_sum_that_applying_records(self, files: Path, naomi: Identity) -> None:
        err = StringIO()
        with pytest.raises(SystemExit):
            call_command("catalog", "plan", str(files), stdout=StringIO(), stderr=err)
        content = {str(path.relative_to(files)): path.read_bytes() for path in files.rglob("*.yaml")}
        order = ["catalog.yaml", LEDGER, TOP, BASE, PURPOSE]
        sum_ = sha256(
            b"".join(f"{name}\0{len(content[name])}\0".encode() + content[name] for name in order)
        ).hexdigest()
        assert f"recorded with their SHA-256: {sum_}" in err.getvalue()
        applied(files, naomi)
        event = AuditEvent.objects.get(action="catalog_application.created")
        assert event.content is not None
        assert (event.actor_id, event.content["facts"]["digest"]) == (naomi.pk, sum_)

    @pytest.mark.django_db(transaction=True)
    def test_of_a_generated_organisation_comes_back_as_the_same_bytes(self, tmp_path: Path) -> None:
        """Five hundred people; of its systems the generator says not how they are reached, so that is said here."""
        generate(Size(people=500, grants=5_000), now=timezone.now())
        for system in System.objects.exclude(key="portal"):
            cataloguing.reached(system)
        first, second = tmp_path / "first", tmp_path / "second"
        before = cataloguing.export(first)
        assert said("plan", first) == ("no changes\n", 0)
        cataloguing.emptied()
        cataloguing.apply(first)
        assert cataloguing.export(second) == before
        assert cataloguing.apply(second).is_idle
        assert said("plan", second) == ("no changes\n", 0)

    def test_says_what_would_be_made(self, files: Path) -> None:
        text, code = said("plan", files)
        assert code == CHANGES
        assert text.splitlines()[0] == "create  system ledger (systems/ledger.yaml)"
        assert text.splitlines()[-1] == "5 to create"
        assert not System.objects.filter(key="ledger").exists()

    def test_says_what_would_change_field_by_field(self, files: Path, naomi: Identity) -> None:
        applied(files, naomi)
        otto = builders.person("Otto", external_key="E-7")
        edit(files / "systems/ledger.yaml", "longest_lease: 30 days", "longest_lease: 8 hours")
        edit(files / "systems/ledger.yaml", owner_of(naomi), owner_of(otto))
        edit(files / "bundles/base.yaml", "  name: Base", "  name: Base\n  criteria: |-\n    true &&\n    true")
        (files / "purposes/P-2001.yaml").unlink()
        text, code = said("plan", files)
        assert code == CHANGES
        assert text.splitlines() == [
            "change  system ledger (systems/ledger.yaml)",
            f"          owner: hr {naomi.external_key} -> hr E-7",
            "change  entitlement ledger/read (systems/ledger.yaml)",
            "          longest_lease: '30 days' -> '8 hours'",
            "change  bundle base (bundles/base.yaml)",
            "          criteria: '' -> 'true &&\\ntrue'",
            "retire  purpose P-2001 (purposes/P-2001.yaml)",
            "3 to change, 1 to retire",
        ]

    def test_tells_drift(self, files: Path, naomi: Identity) -> None:
        applied(files, naomi)
        changed_elsewhere(System.objects.get(key="ledger"), risk="low")
        text, code = said("plan", files)
        assert (text.splitlines()[0], code) == (
            "drift   system ledger: risk was applied as 'high' and is 'low' (systems/ledger.yaml)",
            CHANGES,
        )


class TestApply:
    def test_applies_once(self, files: Path, naomi: Identity) -> None:
        assert applied(files, naomi).endswith("5 to create\n")
        assert applied(files, naomi) == "no changes\n"
        assert said("plan", files) == ("no changes\n", 0)
        assert CatalogApplication.objects.get().by == naomi

    def test_needs_somebody_who_answers_for_it(self, files: Path) -> None:
        assert said("apply", files) == ("apply needs --by: somebody has to answer for it.", REFUSED)
        nobody = builders.person().user
        assert nobody
        text, code = said("apply", files, "--by", nobody.username)
        assert ("Only an administrator" in text, code) == (True, REFUSED)
        assert said("apply", files, "--by", "unknown")[1] == REFUSED


class TestExport:
    def test_writes_over_nothing_else(self, tmp_path: Path) -> None:
        (tmp_path / "letter.txt").write_text("Dear")
        text, code = said("export", tmp_path)
        assert (f"{tmp_path} holds something else" in text, code) == (True, REFUSED)
        assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]

    def test_follows_no_link(self, files: Path, tmp_path: Path, naomi: Identity) -> None:
        applied(files, naomi)
        letter = tmp_path / "letter.txt"
        letter.write_text("Dear")
        (files / BASE).unlink()
        (files / BASE).symlink_to(letter)
        assert said("export", files)[1] == 0
        assert (letter.read_text(), (files / BASE).is_symlink()) == ("Dear", False)
        assert said("plan", files) == ("no changes\n", 0)
        (files / "bundles").rename(tmp_path / "bundles")
        (files / "bundles").symlink_to(tmp_path / "bundles")
        text, code = said("export", files)
        assert ("is a link: nothing is written behind it" in text, code) == (True, REFUSED)

    def test_is_recorded(self, tmp_path: Path) -> None:
        said("export", tmp_path)
        assert AuditEvent.objects.filter(action="catalog_export.made").count() == 1


LEDGER, BASE, TOP, PURPOSE = (
    "systems/ledger.yaml", "bundles/base.yaml", "bundles/accountant.yaml", "purposes/P-2001.yaml",
)  # fmt: skip


CASES = [
    (LEDGER, "30 days", "200 days", "longest_lease:", "entitlements[0].longest_lease: At moderate risk"),
    (LEDGER, "30 days", "a month", "longest_lease:", "entitlements[0].longest_lease: Write a length such as"),
    (LEDGER, "90 days", "400 days", "review_cadence:", "entitlements[0].review_cadence: It is reviewed every"),
    (LEDGER, "risk: high", "risk: grave", "risk: grave", "system.risk: It is one of low, moderate"),
    (LEDGER, "risk: high", "risks: high", "risks: high", "system.risks: There is no such field."),
    (LEDGER, "    name: Read the books\n", "", "- key: read", "entitlements[0].name: This is not said."),
    (LEDGER, "name: Ledger", "name: 12", "name: 12", "system.name: A text belongs here: put it in quotes."),
    (LEDGER, "name: Ledger", "name: ' '", "name: ' '", "system.name: Name it"),
    (LEDGER, "name: Ledger", "name: L\n  name: M", "name: M", "name is said twice."),
    (LEDGER, "name: Ledger", "name: [L", "  owner:", "It can't be read: "),
    (LEDGER, "key: ledger", "key: other", "key: other", "system.key: The file of other is systems/other.yaml."),
    (LEDGER, "  source: hr", "  source: xy", "owner:", "system.owner: There is nobody with the key"),
    (LEDGER, "    source: hr\n", "    team: nobody\n", "owner:", "system.owner: Name a person by source"),
    (LEDGER, "- person", "- robot", "- robot", "entitlements[0].allowed_kinds[0]: It is one of person"),
    (LEDGER, "plugin: manual", "plugin: warp", "connector:", "system.connector: No connector is called warp"),
    (LEDGER, "plugin: manual", "plugin: portal", "connector:", "system.connector: This plugin serves"),
    (LEDGER, "grant_instructions", "instructions", "connector:", "system.connector: "),
    (BASE, "ledger/read", "ledger/write", "- ledger/write", "bundle.entitlements: There is no active"),
    (BASE, "review_at: '2", "review_at: '1", "review_at:", "bundle.review_at: It lies in the past."),
    (BASE, "key: base", "key: base\n  bundles: [accountant]", "- base", "bundle.bundles: This is a circle: "),
    (TOP, "identity.department", "identity.salary", "criteria:", "bundle.criteria: Line 1, column"),
    (TOP, "identity.department", "system.key", "criteria:", "bundle.criteria: Criteria ask of the"),
    (TOP, "- base", "- bass", "- bass", "bundle.bundles: There is no active bundle bass."),
    (PURPOSE, "- ledger/read", "- ledger/nothing", "- ledger/nothing", "purpose.entitlements: There is no"),
    (PURPOSE, "ends_at: '2", "ends_at: '1", "ends_at:", "purpose.ends_at: It lies in the past."),
    (PURPOSE, "ends_at:", "# ends_at:", "purpose:", "purpose.ends_at: Say when it ends"),
    (PURPOSE, "ends_at: '2", "ends_at: 'in 2", "ends_at:", "purpose.ends_at: Write a moment"),
]  # fmt: skip
"""A file, what is changed in it into what, what stands on the line that is named, and what is said of it."""


class TestABrokenFile:
    """Each is refused by plan and by apply, with file, line and field, and nothing at all is applied."""

    @pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]} {case[2]}".strip())
    def test_names_file_line_and_field(
        self, files: Path, naomi: Identity, case: tuple[str, str, str, str, str]
    ) -> None:
        file, before, after, line, words = case
        edit(files / file, before, after)
        named = TOP if "circle" in words else file
        lines = (files / named).read_text().splitlines()
        number = next(at for at, text in enumerate(lines, 1) if line in text)
        assert naomi.user
        for command in (["plan", files], ["apply", files, "--by", naomi.user.username]):
            text, code = said(*command)
            assert code == REFUSED
            assert f"{named}:{number}: {words}" in text, text
        assert not Entitlement.objects.filter(system__key="ledger").exists()
        assert not Bundle.objects.exists()

    def test_is_any_that_is_not_a_catalogs(self, files: Path, tmp_path: Path) -> None:
        (files / "bundles" / "old.yml").write_text("bundle: {}")
        (files / "bundles" / "latin.yaml").write_bytes("bundle: é".encode("latin-1"))
        (files / "bundles" / "empty.yaml").write_text("")
        text, _ = said("plan", files)
        assert "bundles/old.yml:1: Only files that end in .yaml belong here." in text
        assert "bundles/latin.yaml:1: It is not UTF-8." in text
        assert "bundles/empty.yaml:1: There is nothing in it." in text

    @pytest.mark.parametrize(
        ("content", "said_of_it"),
        [
            ("\ufeffformat: 1\nformat: 1".encode("utf-16"), "bundles/base.yaml:1: It is not UTF-8."),
            (b"#" * 1_000_001, "bundles/base.yaml:1: It is larger than 1,000,000 bytes."),
            (b"bundle: !!python/object/apply:os.system [x]", "bundles/base.yaml:1: Tags and directives"),
            (b"bundle: &a {}\nx: *a", "bundles/base.yaml:1: Anchors and aliases"),
            (b"bundle:\n  key: base\n  key: base", "bundles/base.yaml:3: key is said twice."),
            (b"bundle:\n  1: base", "bundles/base.yaml:2: The name of a field is a text."),
            (b"- bundle", "bundles/base.yaml:1: Named fields belong here."),
            ("bundle:\n  key: b\u0430se".encode(), "bundles/base.yaml:2: bundle.key: A key has 2 to 64 small letters"),
            (b'bundle:\n  key: "base\\n"', "bundles/base.yaml:2: bundle.key: A key has 2 to 64 small letters"),
        ],
        ids=["utf-16", "large", "python", "anchor", "twice", "number", "list", "alike", "newline"],
    )
    def test_may_be_meant_badly(self, files: Path, naomi: Identity, content: bytes, said_of_it: str) -> None:
        (files / BASE).write_bytes(content)
        assert naomi.user
        for command in (["plan", files], ["apply", files, "--by", naomi.user.username]):
            text, code = said(*command)
            assert (said_of_it in text, code) == (True, REFUSED), text
        assert not System.objects.filter(key="ledger").exists()

    @pytest.mark.parametrize(
        ("key", "said_of_it"),
        [
            ("re\u0430d", "It mixes CYRILLIC and LATIN letters, which look alike."),
            ("re\u200bad", "A key has no character that nobody sees"),
            (" read", "A key has no character that nobody sees"),
            ("cafe\u0301", "Write each letter as one character (NFC)"),
            ("read", "entitlement ledger/read is said twice."),
        ],
    )
    def test_may_say_a_key_that_looks_like_another(self, files: Path, key: str, said_of_it: str) -> None:
        head, _, one = (files / LEDGER).read_text().partition("  - key: read\n")
        (files / LEDGER).write_text(f"{head}  - key: read\n{one}  - key: '{key}'\n{one}")
        (problem,) = [line for line in said("plan", files)[0].splitlines() if ".yaml" in line]
        line = (files / LEDGER).read_text().splitlines().index(f"  - key: '{key}'") + 1
        assert problem.startswith(f"{LEDGER}:{line}: entitlements[1].key: {said_of_it}")

    def test_may_name_an_owner_who_answers_for_nothing(self, files: Path, naomi: Identity) -> None:
        builders.team("nobody")
        gone = builders.person("Gone", state="ended")
        machine = builders.machine(naomi)
        named = (gone, machine)
        owners = [*map(owner_of, named), "  owner:\n    team: nobody\n", "  owner:\n    team: none\n", ""]
        told = [
            "bundle.owner: Gone is no active person.",
            f"bundle.owner: {machine.name} is no active person.",
            "bundle.owner: The team nobody has no active member.",
            "bundle.owner: There is no team none.",
            "bundle.owner: Somebody answers for it: name an owner.",
        ]
        whole = (files / BASE).read_text()
        for owner, words in zip(owners, told, strict=True):
            (files / BASE).write_text(whole.replace(owner_of(naomi), owner))
            text, code = said("plan", files)
            assert (words in text, code) == (True, REFUSED), text

    @pytest.mark.parametrize("name", ["catalog.yaml", BASE, "purposes"])
    def test_may_be_a_link_to_what_nobody_reviewed(self, files: Path, tmp_path: Path, name: str) -> None:
        (files / name).rename(tmp_path / "elsewhere")
        (files / name).symlink_to(tmp_path / "elsewhere")
        assert f"{name}:1: A link is not followed" in said("plan", files)[0]

    def test_is_said_with_what_a_terminal_would_obey_written_out(self, files: Path) -> None:
        edit(files / BASE, "- ledger/read", '- "ledger/read\\e[2J\\rno changes"')
        assert r"There is no active entitlement ledger/read\x1b[2J\rno changes." in said("plan", files)[0]

    def test_is_missing_where_a_directory_is_no_catalog(self, tmp_path: Path) -> None:
        text, code = said("plan", tmp_path)
        assert ("catalog.yaml:1: There is no such file" in text, code) == (True, REFUSED)

    def test_may_be_of_another_format(self, files: Path) -> None:
        (files / "catalog.yaml").write_text("format: 2\n")
        assert "catalog.yaml:1: format: The format is 1." in said("plan", files)[0]

    def test_may_not_say_the_portals_own_system(self, files: Path) -> None:
        text = (files / LEDGER).read_text().replace("key: ledger", "key: portal")
        (files / "systems/portal.yaml").write_text(text)
        assert "The portal's own system is made by its founding" in said("plan", files)[0]

    def test_may_say_what_stays_as_it_was_made(self, files: Path, naomi: Identity) -> None:
        applied(files, naomi)
        edit(files / LEDGER, "in the book", "in the other book")
        edit(files / PURPOSE, "  name: Keeping", "  emergency: true\n  name: Keeping")
        text, code = said("plan", files)
        assert code == REFUSED
        assert "system.connector: This is said when it is made" in text
        assert "purpose.emergency: This is said when it is made" in text

    def test_names_everything_that_is_wrong_at_once(self, files: Path) -> None:
        edit(files / LEDGER, "30 days", "200 days")
        edit(files / TOP, "- base", "- bass")
        assert len(said("plan", files)[0].splitlines()) == 1 + 2
