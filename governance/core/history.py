"""History rows of governed models, written by the moves and by nothing else."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import models
from simple_history.models import HistoricalRecords

from governance.core.actor import Actor
from governance.core.ids import new_id


class Unstamped(RuntimeError):
    """A governed row was saved or deleted past `governance.core.moves`."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """Who changed a row, why and when: set on the instance for exactly one save."""

    actor: Actor
    why: str
    at: datetime


class HistoryRow(models.Model):
    """What each history row says besides the fields: the actor as named then, without a foreign key."""

    history_actor = models.CharField(max_length=200)

    class Meta:
        abstract = True


def _user_id(row: Any) -> UUID | None:
    return row.history_user_id  # type: ignore[no-any-return]


def _set_user_id(row: Any, user_id: UUID | None) -> None:
    row.history_user_id = user_id


def history_model(model: Any) -> Any:
    """The model that keeps the versions of another, or None where no history is kept."""
    name = getattr(model._meta, "simple_history_manager_attribute", None)
    return getattr(model, name).model if name else None


def version(row: models.Model, history_type: str, stamp: Stamp) -> models.Model:
    """The row as it is now, as a history row that is not saved yet. `history_type` is "+" or "~"."""
    model = history_model(type(row))
    return model(  # type: ignore[no-any-return]
        history_date=stamp.at,
        history_type=history_type,
        history_user_id=stamp.actor.user_id,
        history_actor=stamp.actor.label,
        history_change_reason=stamp.why,
        **{field.attname: getattr(row, field.attname) for field in model.tracked_fields},
    )


class History(HistoricalRecords):
    """simple-history with an explicit author: a save without a stamp fails instead of being nobody's."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("bases", (HistoryRow,))
        options.setdefault("inherit", True)
        options.setdefault("history_id_field", models.UUIDField(default=new_id))
        options.setdefault("history_change_reason_field", models.TextField())
        options.setdefault("history_user_id_field", models.UUIDField(null=True))
        options.setdefault("history_user_getter", _user_id)
        options.setdefault("history_user_setter", _set_user_id)
        super().__init__(**options)

    def copy_fields(self, model: type[models.Model]) -> "dict[str, models.Field[Any, Any]]":
        """The model's fields without their indexes: history is read by its row's id and date only."""
        fields: dict[str, models.Field[Any, Any]] = super().copy_fields(model)
        for field in fields.values():
            if not field.primary_key and field.name != model._meta.pk.name:
                field.db_index = False  # type: ignore[attr-defined]  # set by every Field's constructor
        return fields

    def get_meta_options(self, model: type[models.Model]) -> dict[str, Any]:
        """A version belongs to the app that its row belongs to."""
        return {**super().get_meta_options(model), "app_label": model._meta.app_label}

    def create_historical_record(self, instance: models.Model, history_type: str, using: str | None = None) -> None:
        """Write the row from the instance's stamp. Raises Unstamped when there is none, or on deletion."""
        stamp = instance.__dict__.get("_stamp")
        if not isinstance(stamp, Stamp) or history_type == "-":
            msg = f"{instance._meta.label}: governed rows change through governance.core.moves and are never deleted"
            raise Unstamped(msg)
        version(instance, history_type, stamp).save(using=using, force_insert=True)
