"""Putting a version of a rule in force: rehearsed over all live leases first, and carried out on them afterwards."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from governance.analysis.models import Replay
from governance.analysis.states import ReplayState, Source
from governance.changes.kinds import Field
from governance.changes.models import ProposedChange
from governance.changes.policy_rules import OfPolicyVersion
from governance.changes.rule_versions import AT_ONCE, moment_in_words
from governance.core.actor import Actor
from governance.core.errors import Conflict, Invalid
from governance.core.moves import plain
from governance.lifecycle import reevaluation
from governance.lifecycle.states import Denied, Fate
from governance.policy import moves
from governance.policy.consequences import read, sentences
from governance.policy.models import PolicyRuleVersion
from governance.policy.reachability import unreachable
from governance.policy.states import Mode, VersionState
from governance.policy.words import minute

FRESH: Final = timedelta(days=7)
"""How old a rehearsal may be when publishing is proposed."""

SAYS: Final = ("condition", "outcomes", "reason", "priority", "mode")


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What a replay has said of the leases that were live at its moment: how many would meet which fate."""

    replay: str
    at: str
    unchanged: int
    review: int
    revoke: int

    @property
    def words(self) -> str:
        """In a sentence."""
        when = minute(datetime.fromisoformat(self.at))
        met = (
            f"{self.unchanged} stay as they are, {self.review} stay and their owners are told, {self.revoke} are denied"
        )
        return f"Of the leases live on {when}, {met} ({self.replay})."


def rehearsals(version: PolicyRuleVersion) -> list[Rehearsal]:
    """Those of what the version says now, the newest first."""
    done = Replay.objects.filter(version=version, state=ReplayState.DONE, wording=asdict(moves.wording_of(version)))
    return [_rehearsal(one) for one in done.select_related("progress").order_by("-number") if _sorted(one)]


def _sorted(replay: Replay) -> bool:
    """Whether it has sorted leases by their fate; those of before that existed have not."""
    return replay.counts is not None and Fate.REVIEW in replay.counts[Source.GRANT]


def _rehearsal(replay: Replay) -> Rehearsal:
    counts = (replay.counts or {})[Source.GRANT]
    return Rehearsal(str(replay), str(plain(replay.at)), *(counts[fate] for fate in Fate))


class RulePublish(OfPolicyVersion):
    """Putting a draft in force. What is shown is what it says, beside what the version before it says."""

    name = "policy_rule.publish"
    title = "Publish a version of a policy rule"
    verb = "publish"
    fields = {
        "effective_from": Field("Takes effect", moment_in_words),
        "condition": Field("When"),
        "outcomes": Field("What follows", lambda value: " ".join(sentences(read(value)))),
        "reason": Field("Reason"),
        "priority": Field("Priority"),
        "mode": Field("Mode", lambda value: str(Mode(value).label)),
        "rehearsal": Field("Live leases", lambda value: Rehearsal(**value).words),
        "denied_leases": Field("Those that are denied", lambda value: str(Denied(value).label)),
    }

    def require(self, version: PolicyRuleVersion, now: datetime) -> None:
        """Only a draft."""
        if version.state != VersionState.DRAFT:
            raise Conflict(f"{version} has been published already.", code="already_published")

    def current(self, subject_id: UUID) -> dict[str, Any]:
        """What the newest published version of the rule says; nothing where there is none."""
        published = PolicyRuleVersion.objects.filter(rule__versions=subject_id, state=VersionState.PUBLISHED)
        version = published.order_by("-number").first()
        return _says(version) if version else {}

    def checked(self, subject_id: UUID, payload: Mapping[str, Any], now: datetime) -> dict[str, Any]:
        """With what the draft says and what its rehearsal has shown: nobody approves one thing and gets another."""
        version = self.held(subject_id)
        says = _says(version)
        if any(payload[name] != says[name] for name in says if name in payload):
            raise Invalid({"condition": f"{version} says something else by now. Propose it anew."})
        moves.require_publishable(version)
        if wrong := " ".join(unreachable(read(version.outcomes), now)):
            raise Invalid({"outcomes": wrong})
        denied = payload.get("denied_leases")
        if denied not in Denied.values:
            raise Invalid({"denied_leases": f"Say what becomes of leases that are denied: {', '.join(Denied.values)}."})
        start = _start(payload.get("effective_from", AT_ONCE), now)
        rehearsal = _rehearsed(version, payload.get("rehearsal"), now)
        return {"effective_from": start, **says, "rehearsal": rehearsal, "denied_leases": denied}

    def apply(self, change: ProposedChange, *, actor: Actor, now: datetime) -> None:
        """Publish it, and have what it means to live leases carried out once it is in force."""
        said = change.payload["effective_from"]
        start = datetime.fromisoformat(said) if said else now
        version = self.held(change.subject_id)
        moves.publish(version, effective_from=start, actor=actor, why=change.reason, now=now)
        denied, why = Denied(change.payload["denied_leases"]), f"{change}: {change.reason}"
        reevaluation.begin(version, denied, effective_from=start, actor=actor, why=why, now=now)


def _says(version: PolicyRuleVersion) -> dict[str, Any]:
    return {name: getattr(version, name) for name in SAYS}


def _rehearsed(version: PolicyRuleVersion, shown: Any, now: datetime) -> dict[str, Any]:
    """The rehearsal that is shown to those who decide, plain: the newest, or the one that was shown already."""
    known = [asdict(one) for one in rehearsals(version)]
    if shown is not None:
        if shown not in known:
            raise Invalid({"rehearsal": "No replay of what the version says has shown this. Propose it anew."})
        return dict(shown)
    if not known or datetime.fromisoformat(known[0]["at"]) < now - FRESH:
        raise Invalid({"rehearsal": f"Replay {version} first: nobody knows what it means to live leases."})
    return known[0]


def _start(said: Any, now: datetime) -> str:
    """The moment in its plain form. Raises Invalid for none, and for one that has passed."""
    if said == AT_ONCE:
        return AT_ONCE
    try:
        moment = datetime.fromisoformat(said)
    except (TypeError, ValueError):
        raise Invalid({"effective_from": "A moment reads like 2027-06-30T18:00:00Z."}) from None
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    if moment < now:
        raise Invalid({"effective_from": "A rule can't take effect in the past."})
    return str(plain(moment))
