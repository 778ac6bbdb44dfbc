"""What one look at a system means for what is known of an assignment."""

from enum import StrEnum

from governance.access.states import Observation


class Presence(StrEnum):
    """What an observation does to the period in which an assignment is known to stand."""

    BEGINS = "begins"
    ENDS = "ends"
    STAYS = "stays"


def presence(observation: str, *, standing: bool) -> Presence:
    """What one look means for presence periods, given whether one is open.

    A period is of the direct assignment: present by another path alone ends it. Unknown changes nothing (rule 15).
    """
    if observation == Observation.UNKNOWN:
        return Presence.STAYS
    seen = observation == Observation.PRESENT
    if seen == standing:
        return Presence.STAYS
    return Presence.BEGINS if seen else Presence.ENDS


def settles(observation: str, *, wanted: bool) -> bool:
    """Whether the observation proves what is wanted. Another path proves neither presence nor absence."""
    return observation == (Observation.PRESENT if wanted else Observation.ABSENT)
