"""Governed models that belong to no domain, with a field of each type that moves may set."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar
from uuid import UUID

from django.db import models

from governance.core import moves
from governance.core.actor import Actor, ActorKind
from governance.core.locking import locked_all, unit_of_work
from governance.core.models import Governed

NOW = datetime(2026, 11, 21, 9, 30, 0, 123456, tzinfo=UTC)
ADA = Actor(
    kind=ActorKind.HUMAN,
    label='Ada "the first" Lovelace',
    user_id=UUID(int=1),
    identity_id=UUID(int=2),
    assurance=2,
)


class Shelf(Governed):
    NOUN = "shelf"
    LABEL = "{name}"

    name = models.CharField(max_length=100)

    class Meta:
        app_label = "things"


class Thing(Governed):
    NOUN = "thing"
    LABEL = "{shelf} · {shelf.name}/{number} {name}"
    MOVES: ClassVar[Mapping[str, frozenset[str]]] = {
        "new": frozenset({"kept", "lost"}),
        "kept": frozenset({"gone"}),
        "lost": frozenset({"gone"}),
    }

    shelf = models.ForeignKey(Shelf, on_delete=models.PROTECT, related_name="+")
    number = models.IntegerField()
    name = models.CharField(max_length=200)
    state = models.CharField(max_length=16)
    note = models.TextField(blank=True)
    ends_at = models.DateTimeField(null=True)
    term = models.DurationField(null=True)
    day = models.DateField(null=True)
    fragile = models.BooleanField(default=False)
    tag = models.UUIDField(null=True)

    class Meta:
        app_label = "things"


TABLES = (Shelf, Thing, Shelf.history.model, Thing.history.model)


def a_shelf(name: str = "Top") -> Shelf:
    with unit_of_work():
        return moves.create(Shelf(name=name), actor=ADA, why="for tests", now=NOW)


def a_thing(shelf: Shelf, number: int = 1, **values: Any) -> Thing:
    thing = Thing(shelf=shelf, number=number, **{"name": "Vase", "state": "new", **values})
    with unit_of_work():
        return moves.create(thing, actor=ADA, why="for tests", now=NOW)


def held(**conditions: Any) -> list[Thing]:
    """The things, locked, in the unit of work that is open."""
    return locked_all(Thing._base_manager.filter(**conditions))
