from django.db.models import TextChoices


class AccountClass(TextChoices):
    """What a login is for."""

    STANDARD = "standard", "Standard"
    PRIVILEGED = "privileged", "Privileged"
    SHARED = "shared", "Shared"


class Observation(TextChoices):
    """What one look at a system said of one assignment."""

    PRESENT = "present", "Present"
    ABSENT = "absent", "Absent"
    OTHER_PATH = "other_path", "Present by another path"
    UNKNOWN = "unknown", "Unknown"
