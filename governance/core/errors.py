"""What the domain raises. Each carries a stable code and a message that says what to do."""

from collections.abc import Mapping


class DomainError(Exception):
    """Base of all refusals. `code` is stable for programs, the message is for people."""

    code = "refused"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.code


class NotFound(DomainError):
    """There is no such thing, or none that the actor may know of: both look the same from outside."""

    code = "not_found"

    def __init__(self, message: str = "There is no such record.") -> None:
        super().__init__(message)


class Denied(DomainError):
    """The actor may see the thing but not do this to it; the message says why."""

    code = "denied"


class Conflict(DomainError):
    """Somebody or something else came first; the message says who and when."""

    code = "conflict"


class IllegalMove(Conflict):
    """The state table has no such move."""

    code = "illegal_move"


class Invalid(DomainError):
    """Input that breaks a rule. `fields` maps a field's name to what is wrong with it, in words."""

    code = "invalid"

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__(" ".join(fields.values()))
        self.fields = dict(fields)

    def renamed(self, names: Mapping[str, str]) -> "Invalid":
        """The same, with its fields as those who sent them call them."""
        return Invalid({names.get(name, name): said for name, said in self.fields.items()})
