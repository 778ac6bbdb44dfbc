"""The catalog as it stands, as files. What leaves the portal is recorded (rule 14)."""

from datetime import datetime
from pathlib import Path

from governance.core.actor import Actor
from governance.core.events import Event, record
from governance.core.ids import new_id
from governance.core.locking import unit_of_work
from governance.lifecycle.catalog_files import standing, writing

NOUN = "catalog_export"


@unit_of_work()
def export(*, directory: Path, actor: Actor, now: datetime) -> tuple[int, int]:
    """Write all that is active into the directory; answer how many things, in how many files.

    Raises NotACatalog for a directory that holds something else, and OSError.
    """
    entries = standing.read(now).entries.values()
    files = writing.texts(entries)
    facts = {"things": len(entries), "files": len(files)}
    record([Event(f"{NOUN}.made", actor, NOUN, new_id(), str(directory), "The catalog as files", now, facts)])
    writing.write(directory, files)
    return len(entries), len(files)
