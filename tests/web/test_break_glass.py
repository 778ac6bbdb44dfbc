"""Break-glass on pages: taking it, the banner while it stands, and what has to be done afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from governance.break_glass.models import BreakGlass
from governance.break_glass.states import GlassState
from governance.core.actor import Role
from governance.notifications.models import Notification
from tests import builders
from tests.glass import PASSWORD, Outage, gone, reviewed, rotate
from tests.web.conftest import enter

if TYPE_CHECKING:
    from django.test import Client

    from tests.web.conftest import Visit

BANNER = "What is to be done"


@pytest.fixture
def outage(db: None) -> Outage:
    return Outage()


def with_role(visit: Visit, role: Role) -> Client:
    someone = builders.person(role.title())
    builders.portal_role(someone, role)
    return visit(someone)


def words(outage: Outage, **given: Any) -> dict[str, Any]:
    return {
        "entitlement": str(outage.entitlement.pk),
        "purpose": str(outage.emergency.pk),
        "incident": "INC-2041",
        "justification": "Payments are stuck since noon.",
        "term": "2 hours",
        "token": str(uuid4()),
        **given,
    }


def text(client: Client, path: str, status: int = 200) -> str:
    response = client.get(path)
    assert response.status_code == status
    return response.content.decode()


class TestTaking:
    def test_offers_what_an_emergency_justifies(self, outage: Outage, visit: Visit) -> None:
        page = text(visit(outage.requester), "/break-glass/take")
        assert str(outage.entitlement) in page
        assert str(outage.emergency) in page
        assert str(outage.purpose) not in page

    def test_shows_before_what_would_follow(self, outage: Outage, visit: Visit) -> None:
        answer = visit(outage.requester).post("/break-glass/take", words(outage, step="preview"))
        page = answer.content.decode()
        assert answer.status_code == 200
        assert "Manager: Manager; Entitlement owner: Owner" in page
        assert "Manager, Owner, Watch" in page
        assert "Payments are stuck since noon." in page
        assert not BreakGlass.objects.exists()

    def test_shows_before_what_stands_against_it(self, outage: Outage, visit: Visit) -> None:
        answer = visit(outage.requester).post("/break-glass/take", words(outage, term="5 hours", step="preview"))
        assert "At most 4 hours." in answer.content.decode()

    def test_shows_nothing_of_what_is_not_to_be_had(self, outage: Outage, visit: Visit) -> None:
        client = visit(outage.requester)
        assert client.post("/break-glass/take", words(outage, term="", step="preview")).status_code == 422

    def test_leads_to_the_record_of_it(self, outage: Outage, visit: Visit) -> None:
        client = visit(outage.requester)
        sent = client.post("/break-glass/take", words(outage))
        glass = BreakGlass.objects.get()
        assert (sent.status_code, sent["Location"]) == (302, f"/break-glass/{glass.pk}/")
        page = text(client, sent["Location"])
        assert "Payments are stuck since noon." in page
        assert "Manager, Owner, Watch" in page
        assert "Whom policy would have asked" in page

    def test_says_what_is_wrong_beside_the_field(self, outage: Outage, visit: Visit) -> None:
        answer = visit(outage.requester).post("/break-glass/take", words(outage, term="5 hours"))
        assert answer.status_code == 422
        assert "At most 4 hours." in answer.content.decode()

    def test_says_so_when_the_emergency_is_over(self, outage: Outage, visit: Visit) -> None:
        client = visit(outage.requester)
        said = words(outage, purpose=str(outage.purpose.pk))
        assert client.post("/break-glass/take", said).status_code == 422

    def test_asks_an_old_session_to_confirm(self, outage: Outage, visit: Visit) -> None:
        client = visit(outage.requester)
        assert outage.requester.user is not None
        enter(client, outage.requester.user, ago=3600)
        client.post("/break-glass/take", words(outage))
        assert not BreakGlass.objects.exists()


class TestBanner:
    def test_stands_on_the_holders_pages_and_securitys(self, outage: Outage, visit: Visit) -> None:
        outage.take()
        for client in (visit(outage.requester), with_role(visit, Role.SECURITY)):
            for path in ("/", "/grants/"):
                page = text(client, path)
                assert BANNER in page
                assert "INC-2041" in page
        assert "You have taken" in text(visit(outage.requester), "/")

    def test_is_not_drawn_twice_on_its_own_page(self, outage: Outage, visit: Visit) -> None:
        glass = outage.take()
        assert BANNER not in text(visit(outage.requester), f"/break-glass/{glass.pk}/")

    def test_is_nobody_elses(self, outage: Outage, visit: Visit) -> None:
        outage.take()
        for client in (visit(outage.stranger), visit(outage.owner), with_role(visit, Role.AUDITOR)):
            assert BANNER not in text(client, "/")

    def test_goes_with_the_access(self, outage: Outage, visit: Visit) -> None:
        gone(outage.take())
        assert BANNER not in text(visit(outage.requester), "/")


class TestAfterwards:
    def test_is_reviewed_rotated_and_closed_on_pages(self, outage: Outage, visit: Visit) -> None:
        glass = outage.take()
        gone(glass)
        client, where = visit(outage.owner), f"/break-glass/{glass.pk}/"
        assert "Review it" in text(client, where)
        said = {"done": "The queue was restarted.", "kind_1": "password", "locator_1": "root of payments-db"}
        assert client.post(f"{where}review", said).status_code == 302
        page = text(client, where)
        assert "root of payments-db" in page
        assert "Close it" not in page
        exposure = glass.exposures.get()
        assert client.post(f"/break-glass/exposures/{exposure.pk}/rotate", {"evidence": "Refused."}).status_code == 302
        assert client.post(f"{where}close", {"reason": ""}).status_code == 302
        glass.refresh_from_db()
        assert glass.state == GlassState.CLOSED

    def test_says_what_a_review_lacks(self, outage: Outage, visit: Visit) -> None:
        glass = outage.take()
        gone(glass)
        answer = visit(outage.owner).post(f"/break-glass/{glass.pk}/review", {"done": "The queue was restarted."})
        assert answer.status_code == 422
        assert "or say that none was" in answer.content.decode()

    def test_offers_the_holder_nothing_to_do(self, outage: Outage, visit: Visit) -> None:
        glass = outage.take()
        gone(glass)
        page = text(visit(outage.requester), f"/break-glass/{glass.pk}/")
        assert "Review it" not in page
        assert "It waits for somebody else to review it." in page

    def test_does_not_close_before_it_may(self, outage: Outage, visit: Visit) -> None:
        glass = outage.take()
        reviewed(glass, builders.actor(outage.owner), PASSWORD, now=gone(glass))
        client = visit(outage.owner)
        assert client.post(f"/break-glass/{glass.pk}/close", {"reason": ""}).status_code == 409
        rotate(glass, builders.actor(outage.owner), now=glass.taken_at)
        assert client.post(f"/break-glass/{glass.pk}/close", {"reason": ""}).status_code == 302

    def test_is_told_with_a_way_to_it(self, outage: Outage, visit: Visit) -> None:
        glass = outage.take()
        said = Notification.objects.get(recipient=outage.manager, subject_id=glass.pk)
        answer = visit(outage.manager).get(f"/notifications/{said.pk}/")
        assert answer["Location"] == f"/break-glass/{glass.pk}/"


class TestLists:
    def test_take_as_many_queries_for_many_as_for_one(self, outage: Outage, visit: Visit) -> None:
        client = with_role(visit, Role.AUDITOR)
        taken = []
        for _ in range(2):
            outage.take()
            text(client, "/break-glass/")
            with CaptureQueriesContext(connection) as queries:
                text(client, "/break-glass/")
            taken.append(len(queries))
            outage.emergency = builders.purpose(outage.owner, outage.entitlement, emergency=True)
        assert taken[0] == taken[1]

    def test_leave_as_a_file(self, outage: Outage, visit: Visit) -> None:
        glass = outage.take()
        answer = with_role(visit, Role.AUDITOR).get("/break-glass/?as=csv")
        rows = b"".join(answer.streaming_content).decode().splitlines()  # type: ignore[attr-defined]  # a stream
        assert rows[0].startswith("reference,holder,entitlement")
        assert rows[1].startswith(f"{glass},Requester,")

    def test_are_counted_by_person_system_and_emergency(self, outage: Outage, visit: Visit) -> None:
        outage.take()
        page = text(with_role(visit, Role.AUDITOR), "/break-glass/report")
        for heading in ("By person", "By system", "By emergency"):
            assert heading in page
        assert outage.emergency.reference in page
        text(visit(outage.stranger), "/break-glass/report", 404)
