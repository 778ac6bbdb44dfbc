"""What an endpoint declares of each of its methods, once: for permissions, for documentation, for its answer."""

from dataclasses import dataclass

from governance.api.fields import Shape
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
    answer: type[Shape] | None
    status: int = 200
    body: type[Shape] | None = None
    listed: bool = False
    conditional: bool = False
    media: tuple[str, ...] = ()

    @property
    def exports(self) -> bool:
        """Whether it sends a list as a file."""
        return self.answer is None and not self.media
