"""What leaves as a file: all that one may see and no more, safe to open, small to make, and on record."""

from __future__ import annotations

import csv
import io
import json
import tracemalloc
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from governance.audit.merkle import leaf_hash
from governance.audit.models import AuditEvent
from governance.core.actor import Actor, Role
from governance.core.paging import Keyset
from governance.evidence import columns, tables
from governance.evidence.actions import Asked, export_chains, export_list
from governance.evidence.break_glass import BREAK_GLASS
from governance.evidence.rules import Form, written
from governance.evidence.speed import SPEED
from governance.grants import actions as grants
from governance.grants import permissions
from governance.grants.filters import GrantFilter
from governance.grants.models import Grant
from tests import builders
from tests.builders import Organisation
from tests.web.crowd import Crowd

NUMBER = Keyset(("number",))


def asked(actor: Actor, form: Form = Form.JSONL, **filters: str) -> Asked:
    return Asked(form, filters, actor, timezone.now)


def seen(actor: Actor) -> Any:
    return permissions.visible(actor, timezone.now()).with_names()


def told(lines: Iterator[bytes]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in b"".join(lines).splitlines()]


def cells(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode(), newline="")))


@pytest.fixture
def org(db: None) -> Organisation:
    return Organisation()


class TestWritten:
    @pytest.mark.parametrize(
        "start",
        ["=", "+", "-", "@", "\t", "\r", "\n", " =", "\u00a0@", "\ufeff=", "\u200b-", "＝", "＋", "－", "＠", "\t "],
    )
    def test_lets_no_spreadsheet_run_a_cell(self, start: str) -> None:
        text = f"{start}HYPERLINK(1)"
        rows = cells(b"".join(written(Form.CSV, ["a", "b"], [[text, [text]]])))
        assert rows == [["a", "b"], [f"'{text}", f"'{text}"]]

    @pytest.mark.parametrize("text", [" plain", "'=1", "a=1", "（1）", "", " ", "\u2212 1"])
    def test_leaves_what_none_would_run(self, text: str) -> None:
        assert cells(b"".join(written(Form.CSV, ["a", "b"], [[text, "x"]])))[1] == [text, "x"]

    def test_keeps_every_text_whole(self) -> None:
        text = 'a, "b"\r\nü = 1'
        content = b"".join(written(Form.CSV, ["a"], [[text], [None], [True], [7], [-7]]))
        assert cells(content) == [["a"], [text], [""], ["true"], ["7"], ["-7"]]
        lines = b"".join(written(Form.JSONL, ["a"], [[text], [["b"]]])).splitlines()
        assert [json.loads(line) for line in lines] == [{"a": text}, {"a": ["b"]}]

    def test_names_the_columns_also_of_an_empty_list(self) -> None:
        assert b"".join(written(Form.CSV, ["a", "b"], [])) == b"a,b\r\n"
        assert b"".join(written(Form.JSONL, ["a", "b"], [])) == b""


class TestExportList:
    def test_holds_what_the_actor_may_see_and_no_more(self, org: Organisation) -> None:
        grant = builders.live_grant(org.submit())
        own, stranger = builders.actor(org.requester), builders.actor(org.stranger)
        assert [row["id"] for row in told(export_list(tables.GRANTS, seen(own), NUMBER, asked(own)))] == [str(grant.pk)]
        assert told(export_list(tables.GRANTS, seen(stranger), NUMBER, asked(stranger))) == []

    def test_is_on_record_before_it_leaves_and_with_its_count_after(self, org: Organisation) -> None:
        builders.live_grant(org.submit())
        actor = builders.actor(org.requester)
        lines = export_list(tables.GRANTS, seen(actor), NUMBER, asked(actor, Form.CSV, state="live"))
        begun = AuditEvent.objects.get(action="export.begun")
        assert begun.actor_id == org.requester.pk
        assert begun.content is not None
        assert begun.content["facts"] == {"list": "grants", "form": "csv", "filters": {"state": "live"}}
        assert not AuditEvent.objects.filter(action="export.ended").exists()
        b"".join(lines)
        ended = AuditEvent.objects.get(action="export.ended", subject_id=begun.subject_id)
        assert ended.content is not None
        assert ended.content["facts"] == {**begun.content["facts"], "rows": 1, "whole": True}

    def test_that_breaks_off_says_how_much_left(self, org: Organisation) -> None:
        Crowd(org, 5)
        actor = builders.actor(builders.person("Auditor"), Role.AUDITOR)
        lines = export_list(tables.GRANTS, seen(actor), NUMBER, asked(actor))
        next(lines)
        lines.close()  # type: ignore[attr-defined]  # a generator
        ended = AuditEvent.objects.get(action="export.ended")
        assert ended.content is not None
        assert (ended.content["facts"]["rows"], ended.content["facts"]["whole"]) == (1, False)

    def test_that_nobody_reads_has_an_end_on_record(self, org: Organisation) -> None:
        actor = builders.actor(org.requester)
        export_list(tables.GRANTS, seen(actor), NUMBER, asked(actor)).close()  # type: ignore[attr-defined]  # a generator
        ended = AuditEvent.objects.get(action="export.ended")
        assert ended.content is not None
        assert (ended.content["facts"]["rows"], ended.content["facts"]["whole"]) == (0, False)

    @pytest.mark.parametrize("form", list(Form))
    def test_that_dies_does_not_look_whole(self, org: Organisation, form: Form) -> None:
        def dying(_: Any) -> str:
            raise RuntimeError("the database went away")

        Crowd(org, 5)
        actor = builders.actor(builders.person("Auditor"), Role.AUDITOR)
        table = columns.Table("grants", [columns.Column("a", "A", str), columns.Column("b", "B", dying)])
        lines = export_list(table, seen(actor), NUMBER, asked(actor, form))
        left: list[bytes] = []
        with pytest.raises(RuntimeError):
            left.extend(lines)  # as far as it comes
        assert left[-1].startswith(b"!!!")
        ended = AuditEvent.objects.filter(action="export.ended").latest("sequence")
        assert ended.content is not None
        assert ended.content["facts"]["whole"] is False

    @pytest.mark.parametrize("size", [3, 500, 501])
    def test_holds_every_row_once_whatever_their_number(self, org: Organisation, size: int) -> None:
        Crowd(org, size)
        actor = builders.actor(builders.person("Auditor"), Role.AUDITOR)
        ids = [row["id"] for row in told(export_list(tables.GRANTS, seen(actor), NUMBER, asked(actor)))]
        assert len(ids) == len(set(ids)) == Grant.objects.count() == size + 1

    def test_takes_no_more_memory_for_more_rows(self, org: Organisation) -> None:
        Crowd(org, 3000)
        actor = builders.actor(builders.person("Auditor"), Role.AUDITOR)
        few = _peak(export_list(tables.GRANTS, seen(actor).filter(pk__in=_some(1500)), NUMBER, asked(actor)))
        many = _peak(export_list(tables.GRANTS, seen(actor), NUMBER, asked(actor)))
        assert many < 1.5 * few

    @pytest.mark.parametrize(
        "table",
        [*(value for value in vars(tables).values() if isinstance(value, columns.Table)), BREAK_GLASS, SPEED],
        ids=lambda one: one.name,
    )
    def test_has_a_stable_name_and_a_heading_for_each_column(self, table: columns.Table) -> None:
        assert len(table.headings) == len(table.columns)
        assert all(column.heading for column in table.columns)


def _some(count: int) -> list[Any]:
    return list(Grant.objects.order_by("number").values_list("pk", flat=True)[:count])


def _peak(lines: Iterator[bytes]) -> int:
    """The most memory that reading the file takes at a time."""
    tracemalloc.start()
    try:
        for _ in lines:
            pass
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


class TestExportChains:
    def test_tells_each_grant_from_request_to_verified_absent(self, org: Organisation) -> None:
        grant = builders.live_grant(org.submit())
        other = builders.live_grant(org.submit(purpose_id=builders.purpose(org.owner, org.entitlement).pk))
        actor = builders.actor(org.requester)
        grants.hand_back(grant_id=grant.pk, actor=actor, reason="Done", now=timezone.now())
        rows = told(export_chains(seen(actor), asked(actor)))
        kinds = [row["kind"] for row in rows if row["grant_id"] == str(grant.pk)]
        assert kinds[0] == "requested"
        assert {"policy", "approved", "started", "present", "ended"} <= set(kinds)
        assert {row["grant_id"] for row in rows} == {str(grant.pk), str(other.pk)}
        assert [row["grant_id"] for row in rows] == sorted(row["grant_id"] for row in rows)

    def test_carries_the_lines_that_the_leaves_are_hashes_of(self, org: Organisation) -> None:

        builders.live_grant(org.submit())
        actor = builders.actor(org.requester)
        rows = [row for row in told(export_chains(seen(actor), asked(actor))) if row["line"]]
        assert rows
        assert all(leaf_hash(row["line"].encode()).hex() == row["leaf_hash"] for row in rows)

    def test_of_a_period_has_the_leases_that_overlap_it(self, org: Organisation) -> None:

        grant = builders.live_grant(org.submit())
        everything = Grant.objects.all()
        hour = timedelta(hours=1)

        def leased(since: Any, until: Any) -> bool:
            data = {"since": since.isoformat(), "until": until.isoformat()}
            return bool(GrantFilter(data, queryset=everything).qs.exists())

        assert leased(grant.starts_at, grant.starts_at + hour)
        assert leased(grant.ends_at - hour, grant.ends_at + hour)
        assert not leased(grant.ends_at, grant.ends_at + hour)
        assert not leased(grant.starts_at - hour, grant.starts_at)
