from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from governance.audit.models import AuditEvent
from governance.core.actor import Role
from governance.grants.models import Grant
from governance.web import bases
from governance.web import urls as _urls  # noqa: F401 - every page is known from here on
from tests import builders
from tests.builders import Organisation
from tests.web.conftest import Visit


def lines(response: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in b"".join(response.streaming_content).splitlines()]


def lists(of: type[bases.ListPage] = bases.ListPage) -> list[type[bases.ListPage]]:
    return [found for page in of.__subclasses__() for found in (page, *lists(page))]


@pytest.fixture
def auditor(org: Organisation, visit: Visit) -> Client:
    someone = builders.person("Auditor")
    builders.portal_role(someone, Role.AUDITOR)
    return visit(someone)


@pytest.fixture
def grant(org: Organisation) -> Grant:
    return builders.live_grant(org.submit())


class TestEveryList:
    def test_leaves_as_a_file_too(self) -> None:
        assert len(lists()) >= 4
        assert not [page.__name__ for page in lists() if page.table is None]

    @pytest.mark.parametrize("path", ["/grants/", "/requests/", "/events/", "/notifications/"])
    def test_links_to_its_files(
        self, org: Organisation, visit: Visit, auditor: Client, grant: Grant, path: str
    ) -> None:
        client = visit(org.manager) if path == "/notifications/" else auditor
        page = client.get(path).content.decode()
        for form, media in (("csv", "text/csv; charset=utf-8"), ("jsonl", "application/x-ndjson")):
            assert f'href="?as={form}"' in page
            response = client.get(f"{path}?as={form}")
            assert response.streaming
            assert response["Content-Type"] == media
            assert response["Content-Disposition"].startswith("attachment;")
            assert set(response["Cache-Control"].split(", ")) == {"private", "no-store"}
            assert b"".join(response.streaming_content)  # type: ignore[attr-defined]


class TestGrantList:
    def test_leaves_as_the_filters_have_it(self, org: Organisation, visit: Visit, grant: Grant) -> None:
        client = visit(org.requester)
        assert [row["id"] for row in lines(client.get("/grants/?as=jsonl&state=active"))] == [str(grant.pk)]
        assert lines(client.get("/grants/?as=jsonl&state=revoked")) == []
        assert lines(visit(org.stranger).get("/grants/?as=jsonl")) == []

    def test_leaves_whole_from_any_page(self, org: Organisation, visit: Visit, grant: Grant) -> None:
        client = visit(org.requester)
        assert lines(client.get(f"/grants/?as=jsonl&after={grant.number}"))

    @pytest.mark.parametrize("query", ["as=xlsx", "as=csv&q=%00", "as=csv&state=bogus"])
    def test_is_a_page_where_no_file_is_asked_for_rightly(self, org: Organisation, visit: Visit, query: str) -> None:
        response = visit(org.requester).get(f"/grants/?{query}")
        assert response.status_code == 200
        assert not response.streaming
        assert not AuditEvent.objects.filter(action__startswith="export.").exists()


class TestChains:
    def test_of_one_grant_leave_with_their_filters_on_record(
        self, org: Organisation, visit: Visit, grant: Grant
    ) -> None:
        rows = lines(visit(org.requester).get(f"/grants/{grant.pk}/chain?as=jsonl"))
        assert [rows[0]["kind"], rows[-1]["kind"]] == ["requested", "present"]
        event = AuditEvent.objects.get(action="export.begun")
        assert event.content is not None
        assert event.content["facts"]["filters"] == {"grant": str(grant)}

    def test_of_a_period_leave_together(self, org: Organisation, visit: Visit, grant: Grant) -> None:
        client = visit(org.requester)
        assert lines(client.get("/grants/chains?as=jsonl&since=2020-01-01T00:00"))
        assert lines(client.get("/grants/chains?as=jsonl&since=2099-01-01T00:00")) == []

    def test_are_nobody_elses(self, org: Organisation, visit: Visit, grant: Grant) -> None:
        assert visit(org.stranger).get(f"/grants/{grant.pk}/chain?as=csv").status_code == 404
        assert lines(visit(org.stranger).get("/grants/chains?as=jsonl")) == []
