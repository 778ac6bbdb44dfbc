"""The notation of the catalog's files: what is written is what is read, and what might mean two things is refused."""

import json
import re
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.paths import ROOT
from governance.catalog.states import Risk
from governance.identities.states import Environment, Kind
from governance.lifecycle.catalog_files import notation, schema
from governance.lifecycle.catalog_files.entries import FIELDS, Problem, canonical
from governance.lifecycle.catalog_files.notation import NotationError, read, written

ODD = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40) | st.text(
    st.sampled_from(" \n\t\r:'\"#-|>&*!%@`{}[],?~aeN1.\x85\u2028\ufeff\x7f\x1f=<"), max_size=20
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    ODD | st.booleans() | st.none() | st.integers(-(10**17), 10**17) | st.integers(1, 1000).map(lambda one: one / 8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ODD, inner, max_size=3),
    max_leaves=6,
)


class TestWritten:
    @settings(max_examples=500, deadline=None)
    @given(value=st.dictionaries(ODD, VALUES, max_size=4))
    def test_is_read_as_what_it_was(self, value: dict[str, Any]) -> None:
        text = written(value)
        assert read(text).value == value
        assert written(read(text).value) == text

    def test_puts_lines_below_one_another(self) -> None:
        assert written({"criteria": "a &&\n  b"}) == "criteria: |-\n  a &&\n    b\n"


class TestRead:
    def test_knows_every_line(self) -> None:
        document = read("a: 1\nb:\n  - x\n  - c: y\n")
        assert document.value == {"a": 1, "b": ["x", {"c": "y"}]}
        assert (document.lines["a",], document.lines["b", 0], document.lines["b", 1, "c"]) == (1, 3, 4)

    @pytest.mark.parametrize("text", ["no", "yes", "on", "2027-01-01", "2027-01-01T00:00:00Z", "0x1f", "1_000", ".inf"])
    def test_takes_as_a_text_what_versions_of_yaml_differ_about(self, text: str) -> None:
        assert read(f"a: {text}").value == {"a": text}

    @pytest.mark.parametrize(
        ("text", "line", "said"),
        [
            ("a: &x [1]\nb: *x", 1, "Anchors"),
            ("a: 1\na: 2", 2, "said twice"),
            ("a:\n  b: !!python/object:os.system x", 2, "mean nothing here"),
            ("a:\n  b: !!python/object/apply:os.system [x]", 2, "mean nothing here"),
            ("a:\n  b: !!int abc", 2, "mean nothing here"),
            ("a: !!str 12", 1, "mean nothing here"),
            ("%TAG ! tag:yaml.org,2002:python/\n---\na: 1", 1, "mean nothing here"),
            ("a: &a [x, x]\n" + "".join(f"{n}: [*a, *a]\n" for n in "bcdefghij"), 1, "Anchors"),
            ("a: {x: 1}\nb:\n  <<: *a", 3, "Anchors"),
            ("? [a, b]\n: c", 1, "name of a field is a text"),
            ("1: a", 1, "name of a field is a text"),
            ("a: [", 1, "can't be read"),
            ("--- a\n--- b", 2, "can't be read"),
            ("", 1, "nothing in it"),
            ("a: " + "[" * 30 + "]" * 30, 1, "too deep"),
            ("a: " + "[" * 500_000, 1, "too deep"),
            ("- " * 500_000, 1, "too deep"),
            ('a: "\\0"', 1, "can't be kept"),
            ('a:\n  "\\0": b', 2, "can't be kept"),
            ("\x07", 1, "can't be read"),
        ],
    )
    def test_refuses_with_its_line(self, text: str, line: int, said: str) -> None:
        with pytest.raises(NotationError, match=re.escape(said)) as found:
            read(text)
        assert found.value.line in {line, line + 1}  # a missing end is found where the text ends


class TestCanonical:
    @pytest.mark.parametrize(
        ("name", "value", "kept"),
        [
            ("longest_lease", "720 hours", "30 days"),
            ("longest_lease", "90 minutes", "1 hour 30 minutes"),
            ("ends_at", "2027-06-30T02:00+02:00", "2027-06-30T00:00:00Z"),
            ("ends_at", "2027-06-30T00:00:00.250Z", "2027-06-30T00:00:00.250000Z"),
            ("entitlements", ["b", "a", "b"], ["a", "b"]),
            ("name", " x ", "x"),
        ],
    )
    def test_has_one_form(self, name: str, value: Any, kept: Any) -> None:
        assert canonical(name, value) == kept
        assert canonical(name, kept) == kept

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("ends_at", "2027-02-30T00:00:00Z"),
            ("ends_at", "0001-01-01T00:00:00+14:00"),
            ("ends_at", "9999-12-31T23:59:59-12:00"),
            ("longest_lease", "999999999 days 999999999 days"),
        ],
    )
    def test_refuses_what_there_is_not(self, name: str, value: str) -> None:
        with pytest.raises(ValueError, match=r"moment|long"):
            canonical(name, value)


class TestSeen:
    def test_writes_out_what_a_terminal_obeys(self) -> None:
        problem = Problem("bundles/a.yaml", 1, "key", "x\x1b[2J\r\nno changes \u202e\u200b é")
        assert str(problem) == "bundles/a.yaml:1: key: x\\x1b[2J\\r\\nno changes \\u202e\\u200b é"


class TestSchema:
    def test_names_what_the_code_names(self) -> None:
        parts = json.loads(schema.FILE.read_text())["$defs"]
        kinds = parts["entitlement"]["properties"]["allowed_kinds"]["items"]["enum"]
        environments = parts["system"]["properties"]["environment"]["enum"]
        assert (set(parts["risk"]["enum"]), set(kinds)) == (set(Risk.values), set(Kind.values))
        assert set(environments) == set(Environment.values)
        for part, kind in (("system", "system"), ("entitlement", "entitlement"), ("bundle", "bundle")):
            assert parts[part]["properties"].keys() - {"key"} == FIELDS[kind].keys()
        assert parts["purpose"]["properties"].keys() - {"reference"} == FIELDS["purpose"].keys()

    def test_is_one(self) -> None:
        found = json.loads(schema.FILE.read_text())
        jsonschema.Draft202012Validator.check_schema(found)
        assert found["$schema"].endswith("2020-12/schema")

    def test_holds_the_examples_of_the_documentation(self) -> None:
        text = (ROOT / "docs/catalog-as-code.md").read_text()
        examples = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
        for part, example in zip(("systems", "bundles", "purposes"), examples, strict=True):
            assert not list(schema.complaints(part, notation.read(example)))
            assert written(notation.read(example).value) == example
