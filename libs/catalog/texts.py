"""What ids and names may look like, wherever they come from."""

import re

# Stores and indexes hold them.
MAX_TEXT_LENGTH = 128


def is_short_text(text: str) -> bool:
    """Whether it is at most 128 characters, none of them a control character; it may be empty."""
    return len(text) <= MAX_TEXT_LENGTH and text.isprintable()


def is_visible_name(text: str) -> bool:
    """Whether it is 1 to 128 characters, all of them visible: a space is printable but not visible."""
    return 0 < len(text) <= MAX_TEXT_LENGTH and text.isprintable() and " " not in text


def is_name(text: str) -> bool:
    """Whether it is 1 to 63 of a-z, 0-9 and `_`, beginning with a letter: what a catalog gives a name to."""
    return re.fullmatch(r"[a-z][a-z0-9_]{0,62}", text) is not None
