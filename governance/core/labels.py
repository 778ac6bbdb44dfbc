"""A row's label, declared once as a template, and said the same in Python and in SQL.

`LABEL = "{entitlement.key} for {account.login}"` names fields, or fields of what a foreign key leads to; the
name of a foreign key alone stands for that row's own label. Events made by set-based moves need the label in SQL.
"""

from collections.abc import Mapping
from string import Formatter
from typing import Any

from django.db import models
from django.db.models import CharField, F, IntegerField, TextField, UUIDField, Value
from django.db.models.expressions import Combinable, ExpressionWrapper
from django.db.models.functions import Cast, Concat

SAYABLE = (CharField, TextField, IntegerField, UUIDField)


class UnsayableLabel(TypeError):
    """A template names something that Python and SQL would not write alike."""


class _Fields(Mapping[str, Any]):
    """The fields of a row as a template looks them up: only those that it names are read."""

    def __init__(self, row: models.Model) -> None:
        self._row = row

    def __getitem__(self, name: str) -> Any:
        return getattr(self._row, name)

    def __iter__(self) -> Any:
        return iter(())

    def __len__(self) -> int:
        return 0


def text(row: Any) -> str:
    """The row's label, from its model's `LABEL`."""
    return str(row.LABEL).format_map(_Fields(row))


def named(model: Any) -> frozenset[str]:
    """The model's own fields that its label names."""
    return frozenset(name.partition(".")[0] for _, name, _, _ in Formatter().parse(model.LABEL) if name)


def relations(model: Any) -> list[str]:
    """The foreign keys that labels of many rows are read through, as lookups to prefetch."""
    found: list[str] = []
    for _, name, _, _ in Formatter().parse(model.LABEL):
        step, _, rest = (name or "").partition(".")
        target = getattr(model._meta.get_field(step), "related_model", None) if step else None
        if target:
            inner = relations(target) if not rest else [rest.rpartition(".")[0].replace(".", "__")]
            found += [step, *(f"{step}__{lookup}" for lookup in inner if lookup)]
    return list(dict.fromkeys(found))


def expression(model: Any, prefix: str = "") -> Combinable:
    """The same label as an expression over a queryset of the model, or of one that reaches it through `prefix`.

    Raises UnsayableLabel when the model has no template, or one with a field that may be empty (NULL) or is
    neither text, whole number nor UUID.
    """
    parts: list[Combinable] = []
    for literal, name, spec, _ in Formatter().parse(getattr(model, "LABEL", "")):
        parts.append(Value(literal))
        if name is not None:
            parts.append(_reached(model, name if not spec else "", prefix))
    if not parts:
        msg = f"{model.__name__} declares no LABEL, so its events can't be written in SQL"
        raise UnsayableLabel(msg)
    return ExpressionWrapper(Concat(Value(""), *parts, output_field=TextField()), output_field=TextField())


def _reached(model: Any, name: str, prefix: str) -> Combinable:
    step, _, rest = name.partition(".")
    field = model._meta.get_field(step) if step else None
    if field is None or field.null:
        msg = f"{model.__name__}.LABEL: {name or 'a format'} can't be said in SQL; name a field that is never NULL"
        raise UnsayableLabel(msg)
    if field.is_relation:
        inner = f"{prefix}{step}__"
        return _reached(field.related_model, rest, inner) if rest else expression(field.related_model, inner)
    if rest or not isinstance(field, SAYABLE):
        msg = f"{model.__name__}.LABEL: {name} is neither text, whole number nor UUID"
        raise UnsayableLabel(msg)
    return Cast(F(prefix + step), TextField())
