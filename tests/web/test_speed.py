"""How long people wait, on its page and as a file."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.utils import timezone

from governance.core.actor import Role
from tests import builders
from tests.leases import decided

if TYPE_CHECKING:
    from tests.builders import Organisation
    from tests.web.conftest import Visit

PERIOD = f"since={timezone.now() - timedelta(days=1):%Y-%m-%d}&until={timezone.now() + timedelta(days=2):%Y-%m-%d}"


def waited(org: Organisation) -> None:
    now = timezone.now()
    decided(org.submit(now=now), org.manager, org.owner, now=now + timedelta(hours=2))


class TestPage:
    def test_tells_median_and_spread_by_system_owner_and_risk(self, org: Organisation, visit: Visit) -> None:
        waited(org)
        auditor = builders.person("Auditor")
        builders.portal_role(auditor, Role.AUDITOR)
        page = visit(auditor).get(f"/speed/?{PERIOD}").content.decode()
        for said in ("To the decision", org.system.name, "Owner", "Moderate", "2 h", "100 %", "Under 4 hours"):
            assert said in page

    def test_is_for_owners_and_those_who_oversee(self, org: Organisation, visit: Visit) -> None:
        waited(org)
        assert org.system.name in visit(org.owner).get(f"/speed/?{PERIOD}").content.decode()
        assert visit(org.requester).get("/speed/").status_code == 404

    def test_says_what_is_wrong_with_a_period(self, org: Organisation, visit: Visit) -> None:
        page = visit(org.owner).get("/speed/?since=2026-02-01&until=2026-01-01").content.decode()
        assert "A period ends later than it begins." in page

    def test_leaves_as_a_file(self, org: Organisation, visit: Visit) -> None:
        waited(org)
        answer = visit(org.owner).get(f"/speed/?{PERIOD}&as=csv")
        head, first, *_ = b"".join(answer.streaming_content).decode().splitlines()  # type: ignore[attr-defined]  # a stream
        assert head.startswith("measure,by,name,count,median_seconds,ninetieth_seconds,bucket_0")
        assert first.startswith("decision,all,,1,7200,7200,0,1,0,0,0,0")
