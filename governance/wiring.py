"""The switchboard: every upward call, connected on one screen."""

from governance.audit import moves as audit
from governance.core import events, subjects
from governance.grants.moves import GrantsOfAssignment
from governance.requests.models import RequestItem
from governance.requests.moves import ItemSubject


def connect() -> None:
    """Connect what is below to what is above. Called once, when Django is ready."""
    events.connect(audit.append)
    subjects.connect_provable(GrantsOfAssignment())
    subjects.connect_decidable(RequestItem.NOUN, ItemSubject())
