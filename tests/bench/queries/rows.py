"""Events of the generator as rows of `enrich.events`, in the form that binary COPY takes."""

from collections.abc import Iterable, Iterator
from struct import Struct

from services.enrich.binary_copy import (
    NULL,
    POSTGRES_EPOCH_US,
    jsonb,
    non_null_text,
    text,
    time,
    uuid,
)
from tests.bench.queries.catalog import APP
from tests.bench.queries.generator import NAMES, Event, Generator, subject_id
from tests.bench.queries.people import pseudonyms

RETENTION = "90d"
COLUMNS = (
    "event_uuid", "occurred_at", "received_at", "app_id", "retention_class", "name", "schema_version",
    "producer", "environment", "context", "country", "device_type", "os", "os_version", "browser",
    "browser_version", "subject_id", "session_id", "session_started_at", "entity_type", "entity_id",
    "properties", "person",
)  # fmt: skip
HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
# As large as what libpq sends at once.
_BLOCK_BYTES = 64 * 1024
_BEGINNING = Struct("!hi16siqiq").pack
_DEVICES = (
    ("mobile", "Android", "15", "Chrome Mobile", "140.0"),
    ("mobile", "iOS", "19.1", "Mobile Safari", "19.1"),
    ("desktop", "Windows", "11", "Chrome", "140.0"),
    ("desktop", "Mac OS X", "15.6", "Safari", "19.0"),
    ("tablet", "iOS", "18.6", "Mobile Safari", "18.6"),
)
_COUNTRIES = ("DE", "US", "JP", "BR", "FR", "IN", "GB")
_RECEIVED_AFTER_US = 250_000


class RowMaker:
    """Packs what many rows have in common once."""

    def __init__(self, generator: Generator) -> None:
        self._kinds = [
            b"".join(map(non_null_text, (APP, RETENTION, name, "1.1.0", "frontend", "production")))
            for name in NAMES
        ]
        # The last one of both is of no person.
        self._subjects = [text(subject_id(person)) for person in range(generator.people)] + [NULL]
        self._people = [*map(uuid, pseudonyms(generator)), NULL]
        self._devices = [
            jsonb(b'{"platform":"web","user_agent":"%s/%s"}' % (browser.encode(), version.encode()))
            + b"".join(map(text, (country, device, system, release, browser, version)))
            for device, system, release, browser, version in _DEVICES
            for country in _COUNTRIES
        ]
        self._properties = [
            [
                text(found.entity_type) + text(found.entity_id) + jsonb(found.json)
                for found in variants
            ]
            for variants in generator.properties
        ]

    def row(self, event: Event) -> bytes:
        """The row; its values are in the order of COLUMNS."""
        moment = event.occurred_us - POSTGRES_EPOCH_US
        parts = (
            _BEGINNING(
                len(COLUMNS), 16, event.event_uuid, 8, moment, 8, moment + _RECEIVED_AFTER_US
            ),
            self._kinds[event.name],
            self._devices[event.person % len(self._devices)],
            self._subjects[event.person],
            non_null_text(f"{event.visit_us:x}-{event.visit}"),
            time(event.visit_us),
            self._properties[event.name][event.variant],
            self._people[event.person],
        )
        return b"".join(parts)

    def blocks(self, events: Iterable[Event]) -> Iterator[bytes]:
        """What COPY takes for these events."""
        block, size = [HEADER], 0
        for row in map(self.row, events):
            block.append(row)
            size += len(row)
            if size > _BLOCK_BYTES:
                yield b"".join(block)
                block, size = [], 0
        yield b"".join([*block, TRAILER])
