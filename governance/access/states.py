from django.db.models import TextChoices


class AccountClass(TextChoices):
    """What a login is for."""

    STANDARD = "standard", "Standard"
    PRIVILEGED = "privileged", "Privileged"
    SHARED = "shared", "Shared"


class Proof(TextChoices):
    """What an observation rests on: the system itself, or people where no program can read it."""

    READ_BACK = "read_back", "Read back from the system"
    CONFIRMATION = "confirmation", "A person's confirmation with evidence"


class Observation(TextChoices):
    """What one look at a system said of one assignment."""

    PRESENT = "present", "Present"
    ABSENT = "absent", "Absent"
    OTHER_PATH = "other_path", "Present by another path"
    UNKNOWN = "unknown", "Unknown"
