"""Systems that no program reaches: a person does what is to be done, and another one confirms it."""

from collections.abc import Mapping
from typing import Any, NoReturn, Self

from governance.connectors.interface import ByHand, Deadlines, Observed, Refused, Work
from governance.connectors.settings import Settings

GRANT_HOURS = 48.0
REVOKE_HOURS = 24.0


class ManualConnector(ByHand):
    """Says what people are to do to give access and to take it away, and within how many hours each."""

    def __init__(self, grant: Work, revoke: Work, deadlines: Deadlines) -> None:
        self._grant, self._revoke = grant, revoke
        self.deadlines = deadlines

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Self:
        reader = Settings(settings)
        made = cls(
            Work(reader.text("grant_instructions"), reader.hours("grant_hours", GRANT_HOURS)),
            Work(reader.text("revoke_instructions"), reader.hours("revoke_hours", REVOKE_HOURS)),
            reader.deadlines(),
        )
        reader.finish()
        return made

    def work(self, *, wanted: bool) -> Work:
        return self._grant if wanted else self._revoke

    def ensure_present(self, login: str, entitlement: str) -> str:
        _for_people(login, entitlement)

    def ensure_absent(self, login: str, entitlement: str) -> str:
        _for_people(login, entitlement)

    def observe(self, login: str, entitlement: str) -> Observed:
        _for_people(login, entitlement)

    def check(self) -> str:
        return "People work on this system, and confirm what others have done"


def _for_people(login: str, entitlement: str) -> NoReturn:
    msg = f"No program reaches this system: {entitlement} for {login} is a person's task."
    raise Refused(msg)
