"""Forms that are put aside: kept, come back to, sent, discarded, and closed when nobody comes back."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from governance.core.errors import Conflict, Invalid, NotFound
from governance.requests.actions import discard_draft, keep_draft, lapse_drafts, submit_all
from governance.requests.models import AccessRequest, RequestDraft
from governance.requests.permissions import visible_drafts
from governance.requests.rules import DRAFTS_KEPT, MOST_DRAFTS
from governance.requests.states import DraftState
from tests.builders import Organisation, actor, draft

pytestmark = pytest.mark.django_db


@pytest.fixture
def org() -> Organisation:
    return Organisation()


def kept(org: Organisation, **fields: Any) -> RequestDraft:
    said = {"content": {"justification": "Half a"}, "actor": actor(org.requester), "now": timezone.now()}
    return keep_draft(**{**said, **fields})


class TestKeepDraft:
    def test_keeps_what_is_not_whole_and_asks_for_nothing(self, org: Organisation) -> None:
        assert kept(org).content == {"justification": "Half a"}
        assert not AccessRequest.objects.exists()

    def test_is_saved_in_the_place_of_what_it_said(self, org: Organisation) -> None:
        first = kept(org)
        again = kept(org, draft_id=first.pk, content={"justification": "Half a sentence"})
        assert again == first
        assert RequestDraft.objects.get().content == {"justification": "Half a sentence"}

    def test_is_seen_by_nobody_else(self, org: Organisation) -> None:
        mine = kept(org)
        assert not visible_drafts(actor(org.manager)).exists()
        with pytest.raises(NotFound):
            kept(org, draft_id=mine.pk, actor=actor(org.manager))

    def test_has_the_fields_of_the_form_and_no_other(self, org: Organisation) -> None:
        with pytest.raises(Invalid) as error:
            kept(org, content={"state": "approved"})
        assert list(error.value.fields) == ["state"]

    def test_keeps_only_so_many(self, org: Organisation) -> None:
        for _ in range(MOST_DRAFTS):
            kept(org)
        with pytest.raises(Invalid):
            kept(org)


class TestADraft:
    def test_is_closed_by_what_it_becomes(self, org: Organisation) -> None:
        mine, wish = kept(org), draft(org.requester, org.entitlement, org.purpose)
        for _ in range(2):
            (filed,) = submit_all(drafts=[wish], draft_id=mine.pk, actor=actor(org.requester), now=timezone.now())
        mine.refresh_from_db()
        assert mine.state == DraftState.SENT
        assert mine.history.order_by("-history_date", "-history_id")[0].history_change_reason == f"Sent as {filed}"

    def test_stays_where_what_it_would_become_is_refused(self, org: Organisation) -> None:
        mine, wish = kept(org), draft(org.requester, org.entitlement, org.purpose, justification="ok")
        with pytest.raises(Invalid):
            submit_all(drafts=[wish], draft_id=mine.pk, actor=actor(org.requester), now=timezone.now())
        mine.refresh_from_db()
        assert mine.state == DraftState.KEPT

    def test_is_discarded_by_its_requester_once(self, org: Organisation) -> None:
        mine = kept(org)
        with pytest.raises(NotFound):
            discard_draft(draft_id=mine.pk, actor=actor(org.manager), now=timezone.now())
        assert discard_draft(draft_id=mine.pk, actor=actor(org.requester), now=timezone.now()).state == "discarded"
        with pytest.raises(Conflict, match="discarded already"):
            discard_draft(draft_id=mine.pk, actor=actor(org.requester), now=timezone.now())
        with pytest.raises(NotFound):
            discard_draft(draft_id=uuid4(), actor=actor(org.requester), now=timezone.now())

    def test_lapses_when_nobody_comes_back(self, org: Organisation) -> None:
        mine, now = kept(org), timezone.now()
        assert lapse_drafts(now=now + DRAFTS_KEPT - timedelta(hours=1)) == 0
        assert lapse_drafts(now=now + DRAFTS_KEPT + timedelta(seconds=1)) == 1
        mine.refresh_from_db()
        assert mine.state == DraftState.LAPSED
        assert lapse_drafts(now=now + 2 * DRAFTS_KEPT) == 0
