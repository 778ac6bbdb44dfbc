"""The secret of a token: how it is made, recognised and compared. Pure."""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass

SHAPE = re.compile(r"lh_([a-z0-9]{12})_[A-Za-z0-9_-]{43}", re.ASCII)
PREFIX_BYTES, SECRET_BYTES = 6, 32


@dataclass(frozen=True, slots=True)
class Secret:
    """A token's secret, which is shown once, and what is kept of it."""

    text: str
    prefix: str
    digest: str


def new_secret() -> Secret:
    """A secret of 256 random bits. Its prefix names it in lists and logs and tells nothing of the rest."""
    prefix = secrets.token_hex(PREFIX_BYTES)
    text = f"lh_{prefix}_{secrets.token_urlsafe(SECRET_BYTES)}"
    return Secret(text, prefix, digest_of(text))


def digest_of(text: str) -> str:
    """What is kept of a secret. So many random bits need no slow hash: they can't be guessed."""
    return hashlib.sha256(text.encode()).hexdigest()


def prefix_of(text: str) -> str | None:
    """The prefix by which the token is found, None for what is no token of ours."""
    match = SHAPE.fullmatch(text)
    return match[1] if match else None


def is_secret(text: str, digest: str) -> bool:
    """Whether the digest is that of the text, compared in a time that says nothing."""
    return hmac.compare_digest(digest_of(text), digest)
