"""Rows and files that can't be right: each is reported, none changes anything."""

from codecs import BOM_UTF8
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from governance.core.actor import Actor
from governance.core.errors import Invalid
from governance.identities.models import Identity, Ownership
from governance.identities.queries import owners_of
from governance.lifecycle.models import FeedFile, FeedRun, Source
from governance.lifecycle.states import RunState
from governance.purposes.models import Purpose
from governance.purposes.states import PurposeState
from tests.builders import person, purpose
from tests.lifecycle.feeding import (
    HEADINGS,
    a_file,
    a_source,
    counts,
    handed_in,
    imported,
    row,
    versions,
)

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


STATUSES = {"active": "active", "left": "ended", "expected": "expected"}
BROKEN = {
    "K01,Ada,,,,,active": "The row has 7 cells",
    "K02,Ada,,,,,active,,": "The row has 9 cells",
    ",Ada,,,,,active,": "The key is missing",
    f"{'k' * 201},Ada,,,,,active,": "longer than 200",
    "K05,,,,,,active,": "The name is missing",
    f"K06,{'n' * 201},,,,,active,": "The name is longer than 200",
    "K07,Ada,ada at example,,,,active,": "ada at example is no e-mail address",
    f"K08,Ada,,{'t' * 201},,,active,": "title: longer than 200",
    f"K09,Ada,,,{'d' * 201},,active,": "department: longer than 200",
    "K10,Ada,,,,,,": "status is missing",
    "K11,Ada,,,,,retired,": "does not say what “retired” means",
    "K12,Ada,,,,,active,soon": "“soon” is no day",
    "K13,Ada,,,,,active,2026-02-31": "“2026-02-31” is no day",
    "K14,Ada,,,,,active,0026-02-01": "“0026-02-01” is no day",
    "K15,Ada,,,,nobody@example.com,active,": "The manager nobody@example.com is unknown",
    "K16,Ada,,,,K99,active,": "The manager K99 is unknown",
    "K17,Ada,,,,K17,active,": "their own manager",
    "K18,Ada,,,,K19,active,": "leads back here",
    "K19,Ada,,,,K18,active,": "leads back here",
    "K20,Ada,,,,K16,active,": "It needs Ada, whose row",
    "K21,Ada,,,,,active,\r\nK21,Bea,,,,,active,": "which differ",
    "K22,Ada,one@example.com,,,,active,\r\nK23,Bea,ONE@example.com,,,,active,": "for different people",
    "K24,Ada\x07,,,,,active,": "a control character",
    "K25,Ada,taken@example.com,,,,active,": "belongs to Taken, OLD",
    "GONE,Back Again,,,,,active,": "Gone has ended",
    "HERE,Ada,,,,,expected,": "is active already",
    "svc,Ada,,,,,active,": "belongs to a machine identity",
}


class TestBrokenRows:
    @pytest.fixture
    def source(self, admin: Actor) -> Source:
        source = a_source(admin, most_ended=60, statuses=STATUSES)
        first = a_file(
            row("OLD", "Taken", email="taken@example.com"), row("GONE", "Gone", status="left"), row("HERE", "Here")
        )
        imported(source, first, admin)
        machine: dict[str, Any] = {"kind": "service_account", "environment": "test", "human": None}
        machine["canonical_identifier"] = "svc@example.com"
        person("svc", source="staff", external_key="svc", user=None, ends_at=timezone.now() + DAY, **machine)
        return source

    def test_are_each_reported_with_number_and_reason_and_change_nothing(self, admin: Actor, source: Source) -> None:
        assert len(BROKEN) >= 20
        before = versions()
        content = a_file(*BROKEN, row("GOOD")) + b"\r\nK26,Ad\xff,,,,,active,"
        run = imported(source, content, admin)
        lines = content.decode(errors="replace").split("\r\n")
        said = {lines[bad["row"] - 1]: bad["reason"] for bad in run.rejected}
        for broken, reason in BROKEN.items():
            for line in broken.split("\r\n"):
                assert reason in said.pop(line), line
        assert "not UTF-8" in said.popitem()[1]
        assert not said
        assert counts(run) | {"rejected": 0} == {
            "created": 1,
            "updated": 0,
            "ended": 0,
            "unchanged": 0,
            "rejected": 0,
            "failed": 0,
        }
        assert versions() == before + 2  # the good row's identity and human

    def test_refuse_a_strict_file_whole(self, admin: Actor, source: Source) -> None:
        before = versions()
        run = handed_in(source, a_file(row("GOOD"), *BROKEN), admin, strict=True)
        assert run.state == RunState.REFUSED
        assert versions() == before
        assert not FeedFile.objects.exists()


class TestExternals:
    HEADINGS = b"key,name,kind,sponsor,status,ends_on"

    @pytest.fixture
    def source(self, admin: Actor) -> Source:
        columns = {name: name for name in self.HEADINGS.decode().split(",")}
        kinds = {"staff": "person", "guest": "external"}
        statuses = {"active": "active", "leave": "on_leave", "left": "ended"}
        why = purpose(person("Owner"), reference="P-EXT").reference
        return a_source(
            admin,
            columns=columns,
            kinds=kinds,
            statuses=statuses,
            external_purpose=why,
            external_term=DAY,
            most_ended=50,
        )

    def read(self, source: Source, by: Actor, *rows: str) -> FeedRun:
        return imported(source, b"\n".join([self.HEADINGS, *(row.encode() for row in rows)]), by)

    def test_say_what_they_lack(self, admin: Actor, source: Source) -> None:
        Source.objects.filter(pk=source.pk).update(external_term=None)
        assert "needs a last day" in self.read(source, admin, "G1,Guest,guest,,active,").rejected[0]["reason"]
        Purpose.objects.update(state=PurposeState.RETIRED)
        assert "needs a purpose" in self.read(source, admin, "G1,Guest,guest,,active,").rejected[0]["reason"]

    def test_need_no_more_than_a_name_when_they_have_left(self, admin: Actor, source: Source) -> None:
        Source.objects.filter(pk=source.pk).update(external_purpose=None)
        assert self.read(source, admin, "G1,Guest,guest,nobody,left,").rejected == []
        assert not Ownership.objects.filter(subject_kind="identity").exists()

    def test_are_sponsored_by_nobody_who_is_away_or_leaves_with_the_same_file(
        self, admin: Actor, source: Source
    ) -> None:
        self.read(source, admin, "A,Ada,staff,,active,", "B,Bea,staff,,active,", "C,Cleo,staff,,active,")
        guests = [f"G{name},Guest,guest,{name},active," for name in "ABCDG"]
        staff = ["A,Ada,staff,,left,", "B,Bea,staff,,leave,", "C,Cleo,staff,,active,", "D,Dora,staff,,active,"]
        run = self.read(source, admin, *guests, "G,Guest,guest,,active,", *staff)
        assert [bad["key"] for bad in run.rejected] == ["GA", "GB", "GG"]
        assert all("is no active person" in bad["reason"] for bad in run.rejected)

    def test_are_sponsored_by_the_owner_of_the_source_where_nobody_is_nearer(
        self, admin: Actor, source: Source
    ) -> None:
        self.read(source, admin, "G,Guest,guest,,active,")
        guest = Identity.objects.get(external_key="G")
        assert [one.pk for one in owners_of("identity", guest.pk, timezone.now())] == [admin.identity_id]


class TestFormsOfFiles:
    @pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
    def test_are_told_apart_also_where_every_cell_is_quoted(self, admin: Actor, staff: Source, delimiter: str) -> None:
        lines = [line.split(",") for line in (HEADINGS, row("A", "Ada; Lovelace"))]
        content = "\r\n".join(delimiter.join(f'"{cell}"' for cell in cells) for cells in lines).encode()
        run = handed_in(staff, content, admin)
        assert (run.rejected, run.preview["created"][0]["name"]) == ([], "Ada; Lovelace")

    def test_have_cells_in_single_spaces(self, admin: Actor, staff: Source) -> None:
        imported(staff, a_file(row("A", '"Ada\r\nLovelace"'), row("B", "Bea\u00a0\u00a0de  Wries ")), admin)
        assert set(Identity.objects.filter(source="staff").values_list("name", flat=True)) == {
            "Ada Lovelace",
            "Bea de Wries",
        }

    def test_say_by_their_mark_that_they_are_unicode(self, admin: Actor) -> None:
        source = a_source(admin, encoding="windows-1252", columns={"key": "key", "name": "name"}, statuses={})
        for mark, name in ((BOM_UTF8, "Siobhán"), (b"", "SiobhÃ¡n")):
            run = handed_in(source, mark + "first,key,name\r\n,A,Siobhán".encode(), admin)
            assert run.preview["created"][0]["name"] == name


class TestBrokenFiles:
    @pytest.mark.parametrize(
        ("content", "reason"),
        [
            (b"", "empty"),
            (b" \r\n", "empty"),
            (b"key,name,email,title,department,manager,status,ends_on", "no rows"),
            (b"key,name\nK1,Ada", "no column headed email, title"),
            (b"key,name,email,title,department,manager,status,ends_on,key\nx", "Two columns are headed key"),
            (a_file('K1,"Ada,,,,,active,', row("K2")), "quotation mark"),
        ],
    )
    def test_are_refused(self, admin: Actor, staff: Source, content: bytes, reason: str) -> None:
        with pytest.raises(Invalid, match=reason):
            handed_in(staff, content, admin)
        assert not FeedRun.objects.exists()
