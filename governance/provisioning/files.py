"""Evidence of work by hand, as it stands in the storage."""

from governance.core.errors import Conflict
from governance.core.files import fingerprint
from governance.provisioning.models import ManualEvidence


def require_intact(evidence: ManualEvidence | None) -> str:
    """The SHA-256 of a file that stands in the storage as it was given. Raises Conflict when it does not.

    Reads the storage: not to be called in a transaction.
    """
    if evidence is None:
        raise Conflict("There is no evidence: what was done can't be confirmed.", code="no_evidence")
    try:
        found, _ = fingerprint(evidence.kept_as)
    except OSError:
        raise Conflict("The evidence is missing from the storage: send the task back.", code="no_evidence") from None
    if found != evidence.sha256:
        raise Conflict("The evidence is not what was given: send the task back.", code="evidence_changed")
    return found
