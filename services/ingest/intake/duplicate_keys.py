"""What makes two events the same one: their ids, and whether their payloads agree."""

from dataclasses import dataclass, field
from functools import lru_cache
from zlib import crc32

from libs.common.ids import event_uuid
from services.ingest.intake.model import Candidate, Frame

NO_KEY = bytes(16)


def fingerprint(candidate: Candidate) -> bytes:
    """4 bytes that differ between two payloads under one id; good enough to count conflicts by."""
    payload = crc32(candidate.properties_json, _checksum(candidate.event_type.name))
    return payload.to_bytes(4, "big")


@lru_cache(maxsize=4096)
def _checksum(name: str) -> int:
    return crc32(name.encode())


@dataclass(slots=True)
class ShardPart:
    """The events of a batch that go to one shard, with their frames, and their identities as the append
    script takes them."""

    events: list[tuple[Frame, Candidate]] = field(default_factory=list)
    # Events whose id another event of the batch has, which comes first.
    repeated: list[tuple[Frame, Candidate]] = field(default_factory=list)
    event_uuids: bytearray = field(default_factory=bytearray)
    fingerprints: bytearray = field(default_factory=bytearray)
    idempotency_uuids: bytearray = field(default_factory=bytearray)
    has_keys: bool = False

    def add(self, frame: Frame, candidate: Candidate, uuid: bytes) -> None:
        """Adds an event under its UUID."""
        self.events.append((frame, candidate))
        self.event_uuids += uuid
        self.fingerprints += fingerprint(candidate)
        if key := candidate.idempotency_key:
            self.idempotency_uuids += event_uuid(f"key\x00{key}")[0]
            self.has_keys = True
        else:
            self.idempotency_uuids += NO_KEY
