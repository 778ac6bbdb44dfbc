"""Rule 11: whoever breaks the glass is watched by others, however small or busy the organisation is."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
import time_machine
from django.utils import timezone

from governance.break_glass import actions, queries, tasks
from governance.break_glass.models import BreakGlass
from governance.break_glass.states import GlassState
from governance.core.actor import Role
from governance.core.errors import Denied, Invalid
from governance.identities.models import Identity, TeamMembership
from governance.notifications.models import Notification
from tests.builders import account, actor, person, portal_role, purpose
from tests.glass import HOUR, Outage, close, gone, over, reviewed, security
from tests.rules.sql import run

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


@pytest.fixture
def outage() -> Outage:
    return Outage()


def told(once: str) -> set[str]:
    found = Notification.objects.filter(once__startswith=once)
    return set(found.values_list("recipient__name", flat=True))


def takes(outage: Outage, who: Identity, now: datetime | None = None, **fields: object) -> BreakGlass:
    account(who, outage.system)
    return actions.take(draft=outage.draft(**fields), actor=actor(who), now=now or timezone.now())


def on_leave(*people: Identity) -> None:
    run("UPDATE governance_identity SET state = 'on_leave' WHERE id = ANY(%s)", [one.pk for one in people])


def reminded(*, after: timedelta) -> None:
    with time_machine.travel(timezone.now() + after, tick=False):
        tasks.remind()


def everybody_able(outage: Outage) -> set[Identity]:
    teams = Identity.objects.filter(pk__in=TeamMembership.objects.values("identity"))
    return {*teams, outage.owner}


class TestTelling:
    def test_by_the_only_one_of_security_reaches_governance(self, outage: Outage) -> None:
        glass = takes(outage, outage.watch)
        assert {"Gwen", "Gus"} <= told(f"glass taken:{glass.pk}")

    def test_by_another_identity_of_the_only_one_of_security_does_too(self, outage: Outage) -> None:
        again = person("Watch again", human=outage.watch.human)
        glass = takes(outage, again)
        found = told(f"glass taken:{glass.pk}")
        assert {"Gwen", "Gus"} <= found
        assert "Watch" not in found

    def test_reaches_whoever_holds_the_role_that_stops_it(self, outage: Outage) -> None:
        guard = person("Guard")
        portal_role(guard, Role.SECURITY)
        glass = outage.take()
        assert {"Guard", "Watch"} <= told(f"glass taken:{glass.pk}")

    def test_that_reaches_an_owner_alone_keeps_the_glass_whole(self, outage: Outage) -> None:
        on_leave(*outage.governance)
        with pytest.raises(Invalid, match="nobody of security or governance"):
            takes(outage, outage.watch)
        assert not BreakGlass.objects.exists()


class TestTakingAgain:
    def test_names_what_is_not_reviewed_yet(self, outage: Outage) -> None:
        first = outage.take()
        second = outage.take(now=gone(first))
        said = Notification.objects.get(once=f"glass taken:{second.pk}", recipient=outage.watch)
        assert f"not reviewed yet: {first}." in said.body

    def test_is_refused_while_a_review_is_overdue(self, outage: Outage) -> None:
        first = outage.take()
        late = gone(first) + 2 * DAY
        with pytest.raises(Invalid, match=f"{first} is overdue"):
            outage.take(now=late)
        reviewed(first, security(outage), now=late)
        assert outage.take(now=late) != first

    def test_is_refused_to_the_human_for_any_emergency(self, outage: Outage) -> None:
        first = outage.take()
        late = gone(first) + 2 * DAY
        again = person("Requester again", human=outage.requester.human, manager=outage.manager)
        other = purpose(outage.owner, outage.entitlement, name="Ledgers are down", emergency=True)
        with pytest.raises(Invalid, match=f"{first} is overdue"):
            takes(outage, again, late, purpose_id=other.pk)


class TestReviewers:
    def test_have_no_part_in_the_same_emergency_whatever_they_call_it(self, outage: Outage) -> None:
        glass = outage.take()
        takes(outage, outage.watch, incident="Incident 2041, payments")
        with pytest.raises(Denied, match="nobody who had a part in it"):
            reviewed(glass, security(outage), now=gone(glass))

    def test_may_have_met_the_same_emergency_at_another_time(self, outage: Outage) -> None:
        end = gone(takes(outage, outage.watch, incident="INC-1000"))
        glass = outage.take(now=end)
        assert reviewed(glass, security(outage), now=gone(glass)).state == GlassState.REVIEWED

    def test_that_are_nobody_are_said_to_the_administrators(self, outage: Outage) -> None:
        portal_role(person("Admin"), Role.ADMINISTRATOR)
        glass = outage.take()
        for one in everybody_able(outage):
            takes(outage, one)
        end = gone(glass)
        assert queries.without_reviewer(end) == 1
        actions.remind(break_glass_id=glass.pk, now=end)
        said = Notification.objects.get(once=f"glass ended:{glass.pk}")
        assert said.recipient.name == "Admin"
        assert "had a part in it" in said.body

    def test_hold_the_role_or_belong_to_a_team(self, outage: Outage) -> None:
        portal_role(person("Guard"), Role.SECURITY)
        glass = outage.take()
        end = gone(glass)
        actions.remind(break_glass_id=glass.pk, now=end)
        assert told(f"glass ended:{glass.pk}") == {"Guard", "Gus", "Gwen", "Owner", "Watch"}
        assert queries.without_reviewer(end) == 0


class TestReminding:
    @pytest.fixture
    def ended(self, outage: Outage) -> list[BreakGlass]:
        """Two that have ended, the older first."""
        found = [outage.take(), takes(outage, person("Colleague", manager=outage.manager))]
        for glass in found:
            over(glass)
        return found

    @pytest.fixture
    def looked_at(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[BreakGlass]]:
        """Whose reviewers were resolved."""
        seen: list[BreakGlass] = []
        resolve = queries.able_to_review

        def resolving(glass: BreakGlass, now: datetime) -> frozenset[object]:
            seen.append(glass)
            return resolve(glass, now)

        monkeypatch.setattr(queries, "able_to_review", resolving)
        return seen  # type: ignore[return-value]

    def test_goes_on_where_one_fails(self, ended: list[BreakGlass], monkeypatch: pytest.MonkeyPatch) -> None:
        resolve = queries.able_to_review

        def failing(glass: BreakGlass, now: datetime) -> frozenset[object]:
            if glass == ended[0]:
                raise RuntimeError
            return resolve(glass, now)

        monkeypatch.setattr(queries, "able_to_review", failing)
        reminded(after=3 * HOUR)
        assert not told(f"glass ended:{ended[0].pk}")
        assert told(f"glass ended:{ended[1].pk}")

    def test_looks_once_at_what_is_told(self, ended: list[BreakGlass], looked_at: list[BreakGlass]) -> None:
        reminded(after=3 * HOUR)
        reminded(after=4 * HOUR)
        assert looked_at == ended

    def test_looks_again_once_a_day_when_it_is_overdue(
        self, ended: list[BreakGlass], looked_at: list[BreakGlass]
    ) -> None:
        for days in (2, 3):
            reminded(after=days * DAY + 3 * HOUR)
            reminded(after=days * DAY + 4 * HOUR)
        assert looked_at == ended * 2

    def test_stops_once_it_is_closed(self, outage: Outage, looked_at: list[BreakGlass]) -> None:
        glass = outage.take()
        end = gone(glass)
        reviewed(glass, security(outage), now=end)
        close(glass, security(outage), now=end)
        reminded(after=3 * HOUR)
        assert not looked_at
