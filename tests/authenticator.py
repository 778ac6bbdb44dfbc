"""An authenticator app, as RFC 6238 has it."""

import base64
import hmac
import struct
import time

PERIOD = 30


def code(key: str) -> str:
    """What an app with the key shows now."""
    counter = struct.pack(">Q", int(time.time()) // PERIOD)
    digest = hmac.digest(base64.b32decode(key), counter, "sha1")
    at = digest[-1] & 0x0F
    (number,) = struct.unpack(">I", digest[at : at + 4])
    return f"{(number & 0x7FFFFFFF) % 1_000_000:06}"


def wrong_code(key: str) -> str:
    """Six figures that no app with the key shows about now."""
    return f"{(int(code(key)) + 1) % 1_000_000:06}"
