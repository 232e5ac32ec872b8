"""Rectification of a stored event: what is to change, what became of it, and the services' parts."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from libs.common.pseudonym import Pseudonymizer
from libs.common.subject_data import SubjectRef


@dataclass(frozen=True, slots=True)
class PropertyChange:
    """One property, by its path, such as `address.city`, and its new value as JSON; None: it is removed."""

    path: str
    value_json: bytes | None


@dataclass(frozen=True, slots=True)
class Rectification:
    """What a request asks to change in one stored event of a person."""

    subject: SubjectRef
    request_id: UUID
    event_uuid: UUID
    changes: Sequence[PropertyChange]


@dataclass(frozen=True, slots=True)
class Rectified:
    """An event that was changed: its name, the day on which it occurred, as `2026-11-22`, and of each changed
    property, by its path, keyed hashes of the value before and after; empty for no value."""

    name: str
    day: str
    hashes: Mapping[str, tuple[str, str]]


class RectifiableEvents(Protocol):
    """The stored events."""

    async def rectify(self, rectification: Rectification) -> Rectified:
        """Changes the event, once for each request: asked again, it says what was done then. Raises NotFound,
        InvalidArgument with the property, FailedPrecondition; all of them leave the event as it is."""
        ...

    async def outcome(self, app_id: str, request_id: UUID, *, give_up: bool) -> Rectified | None:
        """What was done for a request; None if nothing was. With `give_up` nothing is from then on."""
        ...


class ChangedNumbers(Protocol):
    """The numbers that are made of events."""

    async def recount(
        self, app_id: str, request_id: UUID, changed: Mapping[str, Sequence[str]]
    ) -> bool:
        """Has the numbers counted again of these days, given by names of events; whether that is done. Asked
        again and again until it is."""
        ...


def value_hash(
    pseudonymizer: Pseudonymizer, app_id: str, event_uuid: UUID, path: str, value: Any
) -> str:
    """A keyed hash of a JSON value at this place, 32 hex digits: without the key, no guess can be tried
    against it."""
    said = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    # Not remembered, as pseudonyms are, and never that of a subject.
    text = f"rectified\x00{event_uuid}\x00{path}\x00{said}"
    return pseudonymizer.all_epochs(app_id, text)[0]
