"""What makes two events the same one: their ids, and whether their payloads agree."""

from dataclasses import dataclass, field
from zlib import crc32

from libs.common.ids import event_uuid
from services.ingest.screening import Candidate

NO_KEY = bytes(16)


def fingerprint(candidate: Candidate) -> bytes:
    """4 bytes that differ between two payloads under one id; good enough to count conflicts by."""
    payload = crc32(candidate.event.properties_json, crc32(candidate.event_type.name.encode()))
    return payload.to_bytes(4, "big")


@dataclass(slots=True)
class ShardPart:
    """The events of a batch that go to one shard: where they stand in the batch, and their identities
    as the append script takes them."""

    positions: list[int] = field(default_factory=list)
    event_uuids: bytearray = field(default_factory=bytearray)
    fingerprints: bytearray = field(default_factory=bytearray)
    idempotency_uuids: bytearray = field(default_factory=bytearray)
    has_keys: bool = False

    def add(self, candidate: Candidate, uuid: bytes) -> None:
        """Adds one event."""
        event = candidate.event
        self.positions.append(candidate.position)
        self.event_uuids += uuid
        self.fingerprints += fingerprint(candidate)
        if key := event.idempotency_key:
            self.idempotency_uuids += event_uuid(f"key\x00{key}")[0]
            self.has_keys = True
        else:
            self.idempotency_uuids += NO_KEY
