"""What an endpoint declares of each of its methods, once: for permissions, for documentation, for its answer."""

from dataclasses import dataclass

from rest_framework.serializers import Serializer

from governance.users.states import Scope


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation: the scope that a token needs for it, what is sent, and what is answered.

    `id` is stable for programs. An operation without `answer` sends a file: one of the types in `media`, or a list in
    the form that is asked for. A method without an operation does not exist.
    """

    id: str
    summary: str
    scope: Scope
    answer: type[Serializer] | None  # type: ignore[type-arg]  # generic for the type checker alone
    status: int = 200
    body: type[Serializer] | None = None  # type: ignore[type-arg]
    listed: bool = False
    conditional: bool = False
    media: tuple[str, ...] = ()

    @property
    def exports(self) -> bool:
        """Whether it sends a list as a file."""
        return self.answer is None and not self.media
