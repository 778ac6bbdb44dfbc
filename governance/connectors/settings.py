"""Settings of a connector, read one by one; whatever is wrong with them is said at once, each beside its name."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from governance.connectors.interface import Deadlines, Refused
from governance.connectors.secrets import secret
from governance.core.errors import Invalid

LONGEST_SECONDS = 120.0
LONGEST_HOURS = 8760


class Settings:
    """The settings that a connector is made from. Read each, then call `finish()`."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self._left = dict(given)
        self._problems: dict[str, str] = {}

    def text(self, name: str, default: str | None = None) -> str:
        """A text that is not empty; without a default it must be given."""
        value = self._left.pop(name, default)
        if isinstance(value, str) and value.strip():
            return value
        self.problem(name, "is missing" if value is None else "must be a text")
        return ""

    def given(self, name: str) -> bool:
        """Whether there is such a setting that nobody has read yet."""
        return name in self._left

    def flag(self, name: str) -> bool:
        """A yes or no; no if it is not given."""
        value = self._left.pop(name, False)
        if not isinstance(value, bool):
            self.problem(name, "must be true or false")
        return value is True

    def choice(self, name: str, among: Sequence[str]) -> str:
        """One of the words, the first if none is given."""
        value = self._left.pop(name, among[0])
        if value not in among:
            self.problem(name, f"must be one of {', '.join(among)}")
            return among[0]
        return str(value)

    def secret(self, name: str) -> str:
        """The secret whose variable this setting names."""
        variable = self.text(name)
        if not variable:
            return ""
        try:
            return secret(variable)
        except Refused as refused:
            self.problem(name, refused.message)
            return ""

    def seconds(self, name: str, default: float) -> float:
        """A time in seconds, above zero."""
        value = self._left.pop(name, default)
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= LONGEST_SECONDS:
            return float(value)
        self.problem(name, f"must be a number of seconds above 0, at most {LONGEST_SECONDS:.0f}")
        return default

    def hours(self, name: str, default: float) -> timedelta:
        """A time in hours, above zero, at most a year."""
        value = self._left.pop(name, default)
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= LONGEST_HOURS:
            return timedelta(hours=value)
        self.problem(name, f"must be a number of hours above 0, at most {LONGEST_HOURS}")
        return timedelta(hours=default)

    def deadlines(self) -> Deadlines:
        """The three deadlines of a call: `connect_seconds`, `read_seconds`, `total_seconds`."""
        usual = Deadlines()
        chosen = Deadlines(
            connect=self.seconds("connect_seconds", usual.connect),
            read=self.seconds("read_seconds", usual.read),
            total=self.seconds("total_seconds", usual.total),
        )
        if chosen.total < max(chosen.connect, chosen.read):
            self.problem("total_seconds", "must not be less than connect_seconds or read_seconds")
        return chosen

    def problem(self, name: str, what: str) -> None:
        """Note what is wrong with a setting; the first thing said of each stays."""
        self._problems.setdefault(name, f"{name}: {what}.")

    def finish(self) -> None:
        """Raise Invalid with everything that is wrong, settings that nobody has read included."""
        for name in self._left:
            self.problem(name, "is not a setting of this connector")
        if self._problems:
            raise Invalid(self._problems)
