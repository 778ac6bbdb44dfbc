from django.db.models import TextChoices


class Topic(TextChoices):
    """What a message is about, for the reader: work, an outcome, an end, their account, an emergency."""

    WORK = "work", "Something waits for you"
    OUTCOME = "outcome", "An outcome of what you asked"
    END = "end", "An end of access that concerns you"
    SECURITY = "security", "A change to what you sign in with"
    EMERGENCY = "emergency", "Access taken in an emergency"


ALWAYS = frozenset({Topic.SECURITY, Topic.EMERGENCY})
"""Topics that come by mail at once, whatever was chosen: nobody keeps somebody from hearing of these."""

CHOSEN = tuple(topic for topic in Topic if topic not in ALWAYS)
"""Topics whose mail is for their reader to choose."""


class Rhythm(TextChoices):
    """How messages come by mail. All of them stand in the inbox, whatever is chosen."""

    AT_ONCE = "at_once", "Within a minute"
    DAILY = "daily", "Once a day, together"
    NEVER = "never", "Not by mail"
