"""Sources of people: how one comes to be and changes. Administrators do it, and each change is an event."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError

from governance.core.actor import Actor
from governance.core.errors import Conflict, Invalid, NotFound
from governance.core.locking import unit_of_work
from governance.core.moves import amend, create
from governance.identities.models import Identity, Ownership
from governance.identities.states import Kind, OwnerRole
from governance.lifecycle import permissions, queries, rules
from governance.lifecycle.models import Source
from governance.lifecycle.states import Absence, DateForm, Encoding
from governance.purposes.models import Purpose
from governance.purposes.states import PurposeState


@dataclass(frozen=True, slots=True)
class Definition:
    """What a source says of itself. `external_purpose` is a purpose's reference, `most_ended` a percentage."""

    key: str
    name: str
    columns: Mapping[str, Any]
    statuses: Mapping[str, str] = field(default_factory=dict)
    kinds: Mapping[str, str] = field(default_factory=dict)
    date_form: str = DateForm.ISO.value
    encoding: str = Encoding.UTF_8.value
    absence: str = Absence.KEEP.value
    most_ended: int = 20
    external_purpose: str = ""
    external_term: timedelta | None = None


@unit_of_work()
def define_source(
    *, definition: Definition, owner_id: UUID, actor: Actor, now: datetime, backup_id: UUID | None = None
) -> Source:
    """Make a source, with who answers for it. Raises Invalid, Denied, NotFound; Conflict when the key is taken."""
    permissions.require_feeds(actor)
    _refuse_taken(definition.key)
    why = "A source of people is defined"
    source = create(_checked(Source(key=definition.key), definition), actor=actor, why=why, now=now)
    for role, pk in ((OwnerRole.OWNER, owner_id), (OwnerRole.BACKUP_OWNER, backup_id)):
        if pk is not None:
            period = Ownership(
                subject_kind=source.NOUN, subject_id=source.pk, role=role, identity=_active(pk, now), starts_at=now
            )
            create(period, actor=actor, why=why, now=now)
    return source


@unit_of_work()
def change_source(*, source_id: UUID, definition: Definition, actor: Actor, reason: str, now: datetime) -> Source:
    """Have a source's files read otherwise from now on. Its key stays.

    Raises Invalid, NotFound, Denied; Conflict while a file is undecided: it would do other than it showed.
    """
    source = permissions.lock_source(actor, source_id)
    if definition.key != source.key:
        raise Invalid({"key": "The key is part of every identity of the source and stays."})
    if not reason.strip():
        raise Invalid({"reason": "Say why: it is kept with the source."})
    if run := queries.undecided(source):
        raise Conflict(
            f"{run} of {source} is not over yet, and would do other than it shows. Apply or discard it first."
        )
    wanted = _checked(Source(key=source.key), definition)
    names = [one.name for one in fields(Definition) if one.name not in {"key", "external_purpose"}]
    changes = {name: getattr(wanted, name) for name in names if getattr(wanted, name) != getattr(source, name)}
    if wanted.external_purpose_id != source.external_purpose_id:
        changes["external_purpose"] = wanted.external_purpose
    return amend(source, "changed", actor=actor, why=reason, now=now, **changes) if changes else source


def _refuse_taken(key: str) -> None:
    if Source.objects.filter(key=key).exists():
        msg = f"There is a source {key} already."
        raise Conflict(msg)
    if Identity.objects.filter(source=key).exists():
        msg = (
            f"The source {key} has identities that no feed has brought, and a feed might end them. Choose another key."
        )
        raise Conflict(msg)


def _active(pk: UUID, now: datetime) -> Identity:
    identity = Identity.objects.active(now).filter(pk=pk, kind=Kind.PERSON).first()
    if identity is None:
        raise NotFound("Whoever answers for a source is an active person.")
    return identity


def _checked(source: Source, definition: Definition) -> Source:
    """The source as the definition has it, if everything in it can be."""
    for one in fields(Definition):
        if one.name != "external_purpose":
            setattr(source, one.name, getattr(definition, one.name))
    source.external_purpose = _purpose(definition.external_purpose)
    if definition.external_term is not None and definition.external_term <= timedelta():
        raise Invalid({"external_term": "It lasts a day or longer."})
    rules.reader(
        definition.columns,
        definition.statuses,
        definition.kinds,
        date_form=definition.date_form,
        encoding=definition.encoding,
    )
    try:
        source.clean_fields(exclude=["statuses", "kinds", "external_purpose", "external_term"])
    except ValidationError as error:
        raise Invalid({name: " ".join(said) for name, said in error.message_dict.items()}) from error
    return source


def _purpose(reference: str) -> Purpose | None:
    if not reference:
        return None
    purpose = Purpose.objects.filter(reference=reference, state=PurposeState.ACTIVE).first()
    if purpose is None:
        raise Invalid({"external_purpose": f"There is no active purpose {reference}."})
    return purpose
