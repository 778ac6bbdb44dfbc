"""Comments that name somebody: whoever may read them is told, and nobody else."""

import pytest
from django.utils import timezone

from governance.approvals.actions import LONGEST_COMMENT, comment
from governance.approvals.models import ApprovalRoute, ApprovalStep, Comment
from governance.core.errors import Invalid
from governance.identities.models import Identity
from governance.notifications.models import Notification
from tests.builders import Organisation, actor, person
from tests.delegations import delegated
from tests.leases import approve, leave

pytestmark = pytest.mark.django_db


@pytest.fixture
def org() -> Organisation:
    return Organisation()


def say(route: ApprovalRoute, by: Identity, text: str) -> Comment:
    return comment(route_id=route.pk, text=text, actor=actor(by), now=timezone.now())


def route_of(org: Organisation) -> ApprovalRoute:
    return ApprovalRoute.objects.get(subject_id=org.submit().items.get().pk)


def told(said: Comment) -> dict[str, str]:
    rows = Notification.objects.filter(once=f"comment:{said.pk}")
    return dict(rows.values_list("recipient__name", "title"))


class TestAComment:
    def test_is_neither_empty_nor_endless(self, org: Organisation) -> None:
        route = route_of(org)
        for text in (" ", "x" * (LONGEST_COMMENT + 1)):
            with pytest.raises(Invalid) as refused:
                say(route, org.manager, text)
            assert list(refused.value.fields) == ["text"]
        assert say(route, org.manager, f" {'x' * LONGEST_COMMENT} ").text == "x" * LONGEST_COMMENT


class TestAMention:
    def test_of_who_decided_before_reaches_them(self, org: Organisation) -> None:
        route = route_of(org)
        approve(route.steps.get(position=1).pk, org.manager)
        said = say(route, org.owner, "@Manager, is it still so?")
        assert said.mentioned == [org.manager.pk]
        assert "names you" in told(said)["Manager"]
        assert "has a new comment" in told(said)["Requester"]

    def test_of_the_requester_says_so(self, org: Organisation) -> None:
        said = say(route_of(org), org.manager, "@requester: until when?")
        assert "names you" in told(said)["Requester"]

    def test_of_who_is_away_reaches_them(self, org: Organisation) -> None:
        """Whoever has another decide in their place still has to do with it."""
        delegated(org.manager, person("Deputy"))
        route = route_of(org)
        said = say(route, org.requester, "@Manager, before you leave: is it right?")
        assert "names you" in told(said)["Manager"]
        assert "has a new comment" in told(said)["Deputy"]
        assert Notification.objects.get(recipient=org.manager).subject_kind == ApprovalStep.NOUN

    def test_of_who_may_not_read_it_is_mere_text(self, org: Organisation) -> None:
        said = say(route_of(org), org.manager, "Ask @Stranger")
        assert said.mentioned == []
        assert set(told(said)) == {"Requester"}

    def test_of_oneself_tells_nobody(self, org: Organisation) -> None:
        said = say(route_of(org), org.manager, "@Manager was here")
        assert "Manager" not in told(said)

    def test_of_somebody_who_left_tells_nobody(self, org: Organisation) -> None:
        route = route_of(org)
        approve(route.steps.get(position=1).pk, org.manager)
        leave(org.manager)
        assert say(route, org.owner, "@Manager?").mentioned == []
