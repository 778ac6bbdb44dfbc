"""Secrets made at the first start and kept with the data, readable by the owner alone."""

import base64
import json
import os
import secrets
from pathlib import Path

KEY_BYTES = 32


def kept(path: Path, names: list[str]) -> dict[str, str]:
    """A secret for each of `names`: 32 random bytes in URL-safe base64. Those not yet in the file are made and kept."""
    known: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    missing = {name: _new() for name in names if name not in known}
    if missing:
        known |= missing
        _write(path, json.dumps(known, indent=1))
    return {name: known[name] for name in names}


def _new() -> str:
    """A secret that is a key in base64 and needs no quoting in an address: drawn until it has neither + nor /."""
    while True:
        text = base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()
        if "+" not in text and "/" not in text:
            return text


def _write(path: Path, text: str) -> None:
    unfinished = path.with_suffix(".unfinished")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    unfinished.replace(path)
