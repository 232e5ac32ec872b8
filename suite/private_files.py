"""Files that only their owner can read, written whole or not at all."""

import os
import secrets
from pathlib import Path

_PRIVATE = 0o600


def write_private(file: Path, text: str) -> None:
    """Replaces the file in one step; its mode is 0600. Raises OSError."""
    unfinished = file.with_name(f".{file.name}.{os.getpid()}")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    unfinished.replace(file)


def kept_secret(file: Path) -> str:
    """The secret in the file: 256 random bits as hex, made when first asked for. Raises OSError."""
    if secret := read_secret(file):
        return secret
    write_private(file, new_secret() + "\n")
    return read_secret(file)


def read_secret(file: Path) -> str:
    """The secret in the file; empty if there is none. Raises OSError."""
    try:
        return file.read_text().strip()
    except FileNotFoundError:
        return ""


def new_secret() -> str:
    """256 random bits as hex: no character that a URL, SQL or a configuration file would escape."""
    return secrets.token_hex(32)
