"""What whoever asks for a change says that they have seen, held against what is there once it is locked.

Looked at before the locks alone, it may change between the look and the change: then somebody decides on what they
have never read.
"""

from collections.abc import Callable

AsSeen = Callable[[], None]
"""Called by an action when it holds all that it needs, and before it writes. Raises if something is not as seen."""


def unsaid() -> None:
    """Nothing was said of what has been seen."""
