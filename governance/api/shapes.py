"""What several areas answer alike."""

from rest_framework import serializers

from governance.api.fields import Body, Shape, Text


class Named(Shape):
    """Something by its id and what it is called."""

    id = serializers.UUIDField()
    name = serializers.CharField()


class NamedPurpose(Named):
    """A purpose by its id, reference and name."""

    reference = serializers.CharField()


class NamedEntitlement(Named):
    """An entitlement by its id and name, with its system."""

    key = serializers.CharField()
    system = Named()


class NamedSeparationRule(Shape):
    """A rule by its id, key and title."""

    id = serializers.UUIDField()
    key = serializers.CharField()
    title = serializers.CharField()


class NoBody(Body):
    """Nothing has to be said."""


class ReasonBody(Body):
    """Why."""

    reason = Text(max_length=2000, help_text="Kept on record; whom it concerns reads it.")


class MaybeReasonBody(Body):
    """Why, if there is something to say."""

    reason = Text(max_length=2000, required=False, allow_blank=True, default="", help_text="Kept on record.")


class ManagedFrom(serializers.CharField):
    """The file that a thing of the catalog is managed from, or null; needs `catalog.managed.file_of`."""

    def __init__(self) -> None:
        told = "The catalog's file that it is managed from: then it changes by that alone. Null if by none."
        super().__init__(allow_null=True, read_only=True, help_text=told)
