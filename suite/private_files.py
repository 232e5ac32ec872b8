"""Secrets in files that only their owner can read."""

import secrets
from pathlib import Path

from libs.runtime.durable_files import write_private


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
