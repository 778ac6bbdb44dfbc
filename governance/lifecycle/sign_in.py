"""What somebody signs in with changes: carried out, recorded and told to them in one transaction (rule 13).

If this is wrong, whoever gets into an account makes it theirs, and its owner never hears of it.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final, TypeVar

from governance.core.actor import Actor
from governance.core.locking import unit_of_work
from governance.identities.models import Identity
from governance.notifications.moves import Notice, notify
from governance.notifications.states import Topic
from governance.policy.words import minute
from governance.users.models import User
from governance.users.moves import NOUN, record_act

R = TypeVar("R")

FACTORS: Final[Mapping[str, str]] = {"totp": "An authenticator app", "webauthn": "A passkey"}
SAID: Final[Mapping[str, str]] = {
    "factor_added": "{factor} was added to your account",
    "factor_removed": "{factor} was removed from your account",
    "factors_removed": "Your second factors were removed",
    "recovery_codes_renewed": "Your recovery codes were made anew",
    "recovery_code_used": "One of your recovery codes was used",
    "password_changed": "Your password was changed",
    "password_set": "A password was set for your account",
    "password_reset": "Your password was reset",
    "linked": "Your account was linked to single sign-on",
    "sessions_ended": "Your other sessions were ended",
}
"""Every change there is, as its owner reads it."""

IF_NOT_YOU: Final = (
    "If it was not you, tell security. Under Sign-in and security, sign out everywhere else, remove what you don't "
    "know, and change your password."
)


@unit_of_work()
def change(
    carry_out: Callable[[], R], *, user: User, verb: str, actor: Actor, now: datetime, facts: Mapping[str, Any]
) -> R:
    """Carry out a change to somebody's ways of signing in, record it as `user.<verb>` and tell them."""
    result = carry_out()
    put_on_record(user, verb, actor=actor, why="", now=now, facts=facts)
    return result


@unit_of_work()
def remove_factors(*, username: str, actor: Actor, why: str, now: datetime) -> int:
    """Take every second factor from somebody who has lost them all. Answers how many. Raises User.DoesNotExist."""
    user = User.objects.select_for_update().get(username=username)
    factors = user.authenticator_set.all()  # type: ignore[attr-defined]  # allauth's, which has no types
    kinds = sorted(factors.values_list("type", flat=True))
    factors.delete()
    put_on_record(user, "factors_removed", actor=actor, why=why, now=now, facts={"factors": kinds})
    return len(kinds)


def put_on_record(user: User, verb: str, *, actor: Actor, why: str, now: datetime, facts: Mapping[str, Any]) -> None:
    """Append the event `user.<verb>` in the running transaction, and tell whoever signs in with the account."""
    record_act(user, verb, actor=actor, why=why, now=now, facts=facts)
    title = SAID[verb].format(factor=FACTORS.get(facts.get("factor", ""), "A second factor"))
    what = f"“{facts['name']}”, {minute(now)}." if facts.get("name") else f"{minute(now)}."
    body = " ".join(part for part in (what, why, IF_NOT_YOU) if part)
    once = f"{NOUN}.{verb}:{now.isoformat()}"
    owner = Identity.objects.filter(user=user).values_list("pk", flat=True)
    notify([Notice(pk, Topic.SECURITY, title, body, (NOUN, user.pk), once) for pk in owner], now=now)
