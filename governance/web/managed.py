"""How pages say that a thing is managed from files."""

from uuid import UUID

from governance.catalog import managed
from governance.policy.words import minute


def told(kind: str, subject_id: UUID) -> str:
    """From which file one thing is managed, in words; empty if from none."""
    found = managed.of(kind, subject_id)
    if found is None:
        return ""
    return f"Managed from files: it is changed in {found.file}, last applied {minute(found.application.applied_at)}."
