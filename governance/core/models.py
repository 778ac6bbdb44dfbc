from collections.abc import Mapping
from typing import Any, ClassVar

from django.db import models

from governance.core import labels
from governance.core.history import History, Unstamped
from governance.core.ids import new_id


class Record(models.Model):
    """A row of ours: one type of primary key everywhere, so that generic references need no casts."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)

    class Meta:
        abstract = True


class Recorded(Record):
    """A row whose every change leaves an audit event, through `core.moves` alone.

    `NOUN` is its name in events, `MOVES` the table of legal moves of its `state`, empty where it has none.
    `LABEL` says what a row is called, as a template of its fields (`core.labels`); only rows with one can be
    moved as a set.
    """

    NOUN: ClassVar[str]
    MOVES: ClassVar[Mapping[str, frozenset[str]]] = {}
    LABEL: ClassVar[str] = ""

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return labels.text(self)

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save on behalf of `core.moves`. Raises Unstamped when called by anybody else, before anything is written."""
        if "_stamp" not in self.__dict__:
            msg = f"{self._meta.label}: rows like this change through governance.core.moves"
            raise Unstamped(msg)
        super().save(*args, **kwargs)

    def delete(self, *_args: Any, **_kwargs: Any) -> tuple[int, dict[str, int]]:
        """Refuse: nothing governed is deleted (rule 18). Raises Unstamped."""
        msg = f"{self._meta.label}: nothing governed is deleted; end, retire or redact it (rule 18)"
        raise Unstamped(msg)

    def facts(self) -> dict[str, Any]:
        """What its first event says of the row, besides its label. Plain JSON values only."""
        return {}


class Governed(Recorded):
    """A recorded row that keeps its history as well: every version of it, with who, why and when."""

    history = History()

    class Meta:
        abstract = True
