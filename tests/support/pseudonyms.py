"""The pseudonyms of tests."""

import uuid

from libs.common.pseudonym import Pseudonymizer
from suite.home import Home

PSEUDONYM_KEY = "0123456789abcdef"
PSEUDONYMS = Pseudonymizer(PSEUDONYM_KEY.encode())


def pseudonymizer_of(home: Home) -> Pseudonymizer:
    """That of the services of a suite."""
    return Pseudonymizer(home.secret("pseudonym.key").encode())


def keyed_event_id(pseudonymizer: Pseudonymizer, app_id: str, event_id: str) -> str:
    """The UUIDv8 that stands for an id that may not be kept."""
    digits = pseudonymizer.pseudonym(app_id, f"event\x00{event_id}")
    variant = f"{int(digits[16], 16) % 4 + 8:x}"
    return str(uuid.UUID(f"{digits[:12]}8{digits[13:16]}{variant}{digits[17:]}"))
