"""States and recordings of consent, in short."""

from collections.abc import Mapping

from libs.consent import Choice, ConsentState, Status, encode_state
from services.privacy.consent.model import Recording, Subject


def statuses(granted: Mapping[str, bool]) -> dict[str, Status]:
    """By purpose: True granted, False denied."""
    return {purpose: Status.GRANTED if each else Status.DENIED for purpose, each in granted.items()}


def consent_state(version: int, **granted: bool) -> ConsentState:
    """A state all of whose choices are of its own version."""
    choices = {
        purpose: Choice(status, version=version) for purpose, status in statuses(granted).items()
    }
    return ConsentState(version, choices)


def consent_text(version: int, **granted: bool) -> bytes:
    """The same as the mirror has it."""
    return encode_state(consent_state(version, **granted))


def recording(subject: Subject, **granted: bool) -> Recording:
    """A recording by a test."""
    return Recording(subject, statuses(granted), "ann", "test", "1")
