from django.db.models import TextChoices


class Topic(TextChoices):
    """What a message is about, for the reader: something to do, how something turned out, or an end."""

    WORK = "work", "Something waits for you"
    OUTCOME = "outcome", "An outcome of what you asked"
    END = "end", "An end of access that concerns you"


class Rhythm(TextChoices):
    """How messages come by mail. All of them stand in the inbox, whatever is chosen."""

    AT_ONCE = "at_once", "Within a minute"
    DAILY = "daily", "Once a day, together"
    NEVER = "never", "Not by mail"
