from uuid import UUID

from uuid_utils.compat import uuid7


def new_id() -> UUID:
    """A time-ordered UUID (RFC 9562 version 7), the primary key of every table of ours."""
    return uuid7()
