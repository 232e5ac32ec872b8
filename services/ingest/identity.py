"""What makes two events the same one: their ids, and whether their payloads agree."""

from dataclasses import dataclass, field
from typing import Any
from zlib import crc32

from libs.common.ids import event_uuid

NO_KEY = bytes(16)


def fingerprint(event: Any) -> bytes:
    """4 bytes that differ between two payloads with the same id; good enough to count conflicts by."""
    return crc32(event.properties_json, crc32(event.name.encode())).to_bytes(4, "big")


def idempotency_uuid(event: Any) -> bytes:
    """16 bytes for the event's idempotency key; zeros where it has none."""
    key = event.idempotency_key
    return event_uuid(f"key\x00{key}")[0] if key else NO_KEY


@dataclass(slots=True)
class ShardPart:
    """The events of a batch that go to one shard: where they stand in the batch, and their identities
    as the append script takes them."""

    positions: list[int] = field(default_factory=list)
    event_uuids: bytearray = field(default_factory=bytearray)
    fingerprints: bytearray = field(default_factory=bytearray)
    idempotency_uuids: bytearray = field(default_factory=bytearray)
    has_keys: bool = False

    def add(self, position: int, event: Any, uuid: bytes) -> None:
        """Adds one event."""
        self.positions.append(position)
        self.event_uuids += uuid
        self.fingerprints += fingerprint(event)
        key = idempotency_uuid(event)
        self.idempotency_uuids += key
        if key is not NO_KEY:
            self.has_keys = True
