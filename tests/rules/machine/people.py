"""What people do: they ask, decide, take back, hand back, revoke, change policy, come, move and leave."""

from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from governance.approvals.actions import decide
from governance.approvals.states import Verdict
from governance.core.actor import Actor, Role
from governance.core.errors import Conflict, Denied, Invalid, NotFound
from governance.grants.actions import activate, hand_back, revoke
from governance.grants.models import Grant
from governance.grants.states import STANDING, WAITING
from governance.identities.states import Status
from governance.lifecycle import joining
from governance.lifecycle.actions import end_identity
from governance.lifecycle.planning import Mover
from governance.policy import actions as policy
from governance.policy.moves import Wording
from governance.requests import actions as requests
from tests import policing
from tests.leases import HR, MINUTE
from tests.rules.machine.scene import Scene
from tests.rules.machine.seen import Lease, Step
from tests.rules.machine.world import (
    ASKING,
    JUSTIFIES,
    LONGEST,
    MANAGERS,
    ROBOT,
    SHORT,
    STANCES,
    STRANGER,
    Wish,
    agree,
)

chosen = st.integers(min_value=0, max_value=9)
lasting = st.sampled_from([45, 10, 120, 1, 200])


class People(Scene):
    """Everything that somebody asks for at a page or through the API."""

    stance = "as ever"

    # Asking -----------------------------------------------------------------------------------------------------------

    @rule(
        who=st.sampled_from(ASKING),
        what=st.sampled_from(sorted(LONGEST)),
        why=st.sampled_from(sorted(JUSTIFIES)),
        minutes=lasting,
    )
    def ask(self, who: tuple[str, str], what: str, why: str, minutes: int) -> None:
        """Whoever may have it gets it filed, and nobody else: once at a time for each purpose."""
        wish = Wish(*who, what, why, minutes)
        refused = self.refused((Invalid, NotFound), lambda: self.world.ask(wish, self.now))
        assert refused == self.is_moot(wish), (wish, "refused" if refused else "filed")
        self.reach("refused to file" if refused else "filed")

    def is_moot(self, wish: Wish) -> bool:
        """Whether there is a reason why the wish can't even be filed."""
        requester, beneficiary = (self.world.people[name].pk for name in wish[:2])
        who, whom = self.seen.people[requester], self.seen.people[beneficiary]
        may = requester == beneficiary or requester in whom.answering
        answered = wish.beneficiary != ROBOT or any(self.seen.people[one].acts(self.now) for one in whom.owners)
        return (
            not (may and answered and who.acts(self.now) and whom.acts(self.now))
            or wish.what not in JUSTIFIES[wish.why]
            or self.now + wish.minutes * MINUTE > self.latest_end(wish)
            or self.is_taken(wish)
        )

    def latest_end(self, wish: Wish) -> datetime:
        """The latest end of a lease that would begin now."""
        purpose, holder = self.world.purposes[wish.why], self.seen.people[self.world.people[wish.beneficiary].pk]
        cap = min(LONGEST[wish.what], SHORT) if self.stance == "short" else LONGEST[wish.what]
        return min(end for end in (purpose.ends_at, purpose.review_at, holder.ends_at, self.now + cap) if end)

    def is_taken(self, wish: Wish) -> bool:
        """Whether it is leased or asked for already."""
        wanted = (
            self.world.people[wish.beneficiary].pk,
            self.world.entitlements[wish.what].pk,
            self.world.purposes[wish.why].pk,
        )
        asked = any((one.beneficiary, one.what, one.why) == wanted for one in self.seen.pending)
        leased = (one for one in self.leases() if (one.holder, one.what, one.why) == wanted)
        return asked or any(one.state != "cancelled" and one.ends_at > self.now for one in leased)

    @precondition(lambda self: self.has(*STANDING))
    @rule(which=chosen, minutes=lasting, why=st.sampled_from(["the same", *sorted(JUSTIFIES)]))
    def lease_again(self, which: int, minutes: int, why: str) -> None:
        """What is leased is asked for, approved and begun once more: while it runs for another purpose, to overlap it;
        for the same from the moment on at which the first lease ends, to renew it, whether that was swept or not.
        """
        lease = self.pick(self.leases(*STANDING), which)
        wish = self.named(lease)._replace(minutes=minutes)
        if why == "the same":
            self.now = max(self.now, lease.ends_at)
        self.take(wish if why == "the same" else wish._replace(why=why))

    def take(self, wish: Wish) -> None:
        """Ask, have everybody agree, begin: as far as it goes."""
        with suppress(Invalid, NotFound):
            request = self.world.ask(wish, self.now)
            if agree(request, self.now):
                grant = Grant.objects.get(source_id__in=request.items.values("pk"))
                self.reach(f"took: {activate(grant_id=grant.pk, now=self.now).state}")

    def named(self, lease: Lease) -> Wish:
        """What would ask for the same once more."""
        holder = self.world.name(lease.holder)
        what = next(name for name, one in self.world.entitlements.items() if one.pk == lease.what)
        why = next(name for name, one in self.world.purposes.items() if one.pk == lease.why)
        return Wish("alice" if holder == ROBOT else holder, holder, what, why, 1)

    @precondition(lambda self: self.seen.pending)
    @rule(which=chosen, theirs=st.booleans())
    def withdraw(self, which: int, theirs: bool) -> None:
        """Only the requester takes a request back; one that was returned with a question is answered instead."""
        pending = self.pick(self.seen.pending, which)
        by = self.world.actor(self.world.name(pending.requester) if theirs else STRANGER)
        asked = next((step for step in self.seen.steps if step.request == pending.request and step.question), None)

        def act() -> None:
            if asked and asked.question:
                request, question = asked.request, asked.question
                requests.answer(request_id=request, question_id=question, text="Because", actor=by, now=self.now)
            else:
                requests.withdraw(request_id=pending.request, actor=by, reason="", now=self.now)

        assert self.refused((Denied, NotFound), act) != theirs
        self.reach("answered" if asked else "withdrawn")

    # Deciding ---------------------------------------------------------------------------------------------------------

    @precondition(lambda self: self.open_steps())
    @rule(
        which=chosen,
        who=st.one_of(chosen, st.sampled_from([*MANAGERS, ROBOT])),
        verdict=st.sampled_from([Verdict.APPROVE, *Verdict]),
    )
    def decide(self, which: int, who: int | str, verdict: Verdict) -> None:
        """Somebody who is asked decides; or anybody tries to: the holder, whoever owns the machine that benefits."""
        step = self.pick(self.open_steps(), which)
        if isinstance(who, int) and not step.asked:
            return
        self.vote(step, who if isinstance(who, str) else self.world.name(self.pick(step.asked, who)), verdict)

    def vote(self, step: Step, who: str, verdict: Verdict) -> None:
        actor = self.world.actor(who)

        def act() -> None:
            decide(step_id=step.id, verdict=verdict, reason="As I see it", actor=actor, now=self.now)

        own = self.is_own(step, actor.identity_ids)
        refused = self.refused((Denied, NotFound), act)
        assert refused or not own, f"rule 2: {who} has decided for their own access"
        self.reach("refused for their own" if own else "not asked" if refused else f"decided: {verdict}")

    def open_steps(self) -> list[Step]:
        return [step for step in self.seen.steps if step.state == "open"]

    # Ending -----------------------------------------------------------------------------------------------------------

    @precondition(lambda self: self.has(*STANDING, *WAITING))
    @rule(
        which=chosen,
        early=st.booleans(),
        by=st.sampled_from(["holder", "security", "owner", STRANGER]),
    )
    def end(self, which: int, early: bool, by: str) -> None:
        """Whoever ends a lease may have read the clock a moment before others acted."""
        lease = self.pick(self.leases(*STANDING, *WAITING), which)
        self.behind = timedelta(milliseconds=5) * early
        now = self.now - self.behind
        refused = self.refused((Conflict, Denied, NotFound), lambda: self.end_as(lease, by, now))
        assert refused == (by == STRANGER), by
        if not refused:
            self.ended[lease.id] = min(now, self.ended.get(lease.id, now))
            self.reach("ended early")

    def end_as(self, lease: Lease, by: str, now: datetime) -> None:
        holder = self.world.name(lease.holder)
        if by == "holder":
            hand_back(grant_id=lease.id, actor=self.world.actor(holder), reason="Done", now=now)
            return
        actors = {
            "security": lambda: self.world.actor(STRANGER, Role.SECURITY),
            "owner": lambda: self.world.actor(self.world.name(lease.owner)),
        }
        actor = actors.get(by, lambda: self.world.actor(by))()
        revoke(grant_id=lease.id, actor=actor, reason="Unusual use", now=now)

    @rule(who=st.sampled_from([*MANAGERS, ROBOT]), by=st.sampled_from(["hr", "gwen"]))
    def leave(self, who: str, by: str) -> None:
        """Anybody leaves, whatever they hold, own, decide or have asked for."""
        if self.seen.people[self.world.people[who].pk].state == Status.ENDED:
            return
        actor = HR if by == "hr" else self.administrator(by)
        end_identity(identity_id=self.world.people[who].pk, actor=actor, reason="Left", now=self.now)
        for lease in self.leases(*STANDING):
            if lease.holder == self.world.people[who].pk:
                self.ended[lease.id] = self.now
        self.reach("left")

    def administrator(self, name: str) -> Actor:
        """The one of the name with that role, while they can sign in."""
        acts = self.seen.people[self.world.people[name].pk].acts(self.now)
        return self.world.actor(name if acts else STRANGER, Role.ADMINISTRATOR)

    # Changing ---------------------------------------------------------------------------------------------------------

    @rule(
        what=st.sampled_from(["policy", "manager", "last day", "leave"]),
        stance=st.sampled_from(sorted(STANCES)),
        by=st.sampled_from(["gus", "bob"]),
        who=st.sampled_from(["alice", "bob", "manager", "owner"]),
        to=st.sampled_from(sorted(MANAGERS)),
        minutes=lasting,
    )
    def change(self, what: str, stance: str, by: str, who: str, to: str, minutes: int) -> None:
        """Policy changes, and who changed it tries to decide by it; or the people feed says who reports to whom, who is
        away, whose last day comes nearer.
        """
        self.reach(f"{what} changed")
        if what == "policy":
            asked = [step for step in self.open_steps() if self.world.people[by].pk in step.asked]
            self.change_policy(stance, self.administrator(by))
            if asked:
                self.every_rule_holds()
                self.vote(asked[0], by, Verdict.APPROVE)
            return
        one = self.world.people[who]
        were = self.seen.people[one.pk].state
        said: dict[str, dict[str, Any]] = {
            "manager": {"manager_id": self.world.people[to].pk if to != who else None},
            "last day": {"ends_at": self.now + minutes * MINUTE},
        }
        states = [Status.ACTIVE if were == Status.ON_LEAVE else Status.ON_LEAVE] if what == "leave" else []
        mover = Mover(one.pk, 1, who, were, said.get(what, {}), states, ends_sooner=what == "last day")
        joining.change([mover], actor=HR, why="In the feed", now=self.now)

    def change_policy(self, stance: str, administrator: Actor) -> None:
        """A new version of a rule is in force from now on."""
        self.now += MINUTE  # two versions at one moment are refused
        by: dict[str, Any] = {"actor": administrator, "why": "Changed", "now": self.now}
        wording = Wording(condition="true", outcomes=STANCES[stance], reason="Because.")
        version = policy.draft(rule_id=self.world.stance.pk, wording=wording, **by)
        policing.publish(version_id=version.pk, effective_from=self.now, **by)
        self.stance = stance
