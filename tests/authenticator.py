"""An authenticator app, as RFC 6238 has it."""

import base64
import hmac
import struct
import time

PERIOD = 30


def code(key: str, *, ahead: int = 0) -> str:
    """What an app with the key shows now, or would if its clock were so many steps ahead."""
    counter = struct.pack(">Q", int(time.time()) // PERIOD + ahead)
    digest = hmac.digest(base64.b32decode(key), counter, "sha1")
    at = digest[-1] & 0x0F
    (number,) = struct.unpack(">I", digest[at : at + 4])
    return f"{(number & 0x7FFFFFFF) % 1_000_000:06}"


def wrong_code(key: str) -> str:
    """Six figures that no app with the key shows about now."""
    shown = {code(key, ahead=steps) for steps in range(-3, 4)}
    return next(figures for figures in map("{:06}".format, range(len(shown) + 1)) if figures not in shown)


def next_code(key: str) -> str:
    """What the app shows next: tolerated already, and never the one it was set up with."""
    return code(key, ahead=1)
