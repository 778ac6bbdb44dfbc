"""Why something can't run."""


class CantRunError(Exception):
    """A program can't be started or went on to fail; the message is for the person who started it."""
