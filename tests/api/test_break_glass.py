"""Break-glass, and how long people wait, through the API."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.utils import timezone

from governance.break_glass.models import BreakGlass
from governance.core.actor import Role
from tests.api.conftest import Call
from tests.api.test_frame import problem
from tests.builders import Organisation, person, portal_role
from tests.glass import Outage, gone
from tests.leases import decided


@pytest.fixture
def outage(db: None) -> Outage:
    return Outage()


def body(outage: Outage, **given: Any) -> dict[str, Any]:
    return {
        "entitlement": str(outage.entitlement.pk),
        "purpose": str(outage.emergency.pk),
        "incident": "INC-2041",
        "justification": "Payments are stuck since noon.",
        "term_seconds": 3600,
        **given,
    }


class TestTaking:
    def test_is_nothing_that_a_token_does(self, outage: Outage, call: Call) -> None:
        problem(call(outage.requester).post("/break-glass", body(outage)), 403, "step_up_required")
        assert not BreakGlass.objects.exists()


class TestReading:
    def test_tells_who_was_skipped_and_told(self, outage: Outage, call: Call) -> None:
        glass = outage.take()
        (told,) = call(outage.requester).get("/break-glass").json()["items"]
        assert told["reference"] == str(glass)
        assert told["skipped"][0] == {"step": "Manager", "asked": ["Manager"]}
        assert set(told["told"]) == {str(one.pk) for one in (outage.manager, outage.owner, outage.watch)}
        assert told["exposures"] == []
        problem(call(outage.stranger).get(f"/break-glass/{glass.pk}"), 404, "not_found")


class TestAfterwards:
    def test_is_reviewed_rotated_and_closed(self, outage: Outage, call: Call) -> None:
        glass = outage.take()
        gone(glass)
        api, where = call(outage.owner), f"/break-glass/{glass.pk}"
        exposed = [{"kind": "password", "locator": "root of payments-db"}]
        told = api.post(f"{where}/review", {"done": "The queue was restarted.", "exposed": exposed}).json()
        assert (told["state"], told["exposures"][0]["state"]) == ("reviewed", "exposed")
        problem(api.post(f"{where}/close"), 409, "not_yet")
        one = told["exposures"][0]["id"]
        assert api.post(f"/exposures/{one}/rotate", {"evidence": "Refused."}).json()["state"] == "rotated"
        assert api.post(f"{where}/close").json()["state"] == "closed"

    def test_is_not_the_holders(self, outage: Outage, call: Call) -> None:
        glass = outage.take()
        gone(glass)
        said = {"done": "The queue was restarted.", "nothing_exposed": True}
        problem(call(outage.requester).post(f"/break-glass/{glass.pk}/review", said), 403, "denied")


class TestReport:
    def test_counts_within_the_period(self, outage: Outage, call: Call) -> None:
        outage.take()
        auditor = person("Auditor")
        portal_role(auditor, Role.AUDITOR)
        api = call(auditor)
        told = api.get("/break-glass/report").json()
        assert [(one["name"], one["count"], one["waiting"]) for one in told["person"]] == [("Requester", 1, 1)]
        before = urlencode({"until": (timezone.now() - timedelta(days=1)).isoformat()})
        assert api.get(f"/break-glass/report?{before}").json()["system"] == []
        problem(call(outage.stranger).get("/break-glass/report"), 404, "not_found")


class TestSpeed:
    def test_tells_distributions(self, org: Organisation, call: Call) -> None:
        now = timezone.now()
        decided(org.submit(now=now), org.manager, org.owner, now=now + timedelta(hours=2))
        until = urlencode({"until": (now + timedelta(days=1)).isoformat()})
        told = call(org.owner).get(f"/speed?{until}").json()
        assert told["edges_seconds"][:2] == [3600, 14400]
        (whole,) = [one for one in told["distributions"] if one["by"] == "all"]
        assert (whole["measure"], whole["count"], whole["median_seconds"]) == ("decision", 1, 7200)
        problem(call(org.requester).get("/speed"), 404, "not_found")

    def test_refuses_a_period_that_is_none(self, org: Organisation, call: Call) -> None:
        api = call(org.owner)
        for query in ("since=yesterday", "days=3"):
            assert api.get(f"/speed?{query}").status_code == 400, query
        assert api.get("/speed?since=2026-02-01T00:00:00Z&until=2026-01-01T00:00:00Z").status_code == 422

    def test_leaves_as_a_file(self, org: Organisation, call: Call) -> None:
        answer = call(org.owner).get("/speed/export?format=csv")
        assert b"".join(answer.streaming_content).startswith(b"measure,by,name,count")
        assert call(org.owner, "read").get("/speed/export?format=csv").status_code == 403
