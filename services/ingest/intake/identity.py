"""What makes two events the same one: their ids, and whether their payloads agree."""

import uuid
from dataclasses import dataclass, field
from zlib import crc32

from weir.common.v1.event_pb2 import Event

from libs.common.ids import event_uuid, uuid5
from services.ingest.intake.model import Rejection
from services.ingest.intake.screening import Candidate

NO_KEY = bytes(16)
DEAD_LETTER_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "dead-letter.weir").bytes


def fingerprint(candidate: Candidate) -> bytes:
    """4 bytes that differ between two payloads under one id; good enough to count conflicts by."""
    payload = crc32(candidate.event.properties_json, crc32(candidate.event_type.name.encode()))
    return payload.to_bytes(4, "big")


def dead_letter_id(app_id: str, rejection: Rejection, event: Event) -> bytes:
    """The id of a rejected event's dead letter, 16 bytes: the same one when the event comes again, because
    an ack was lost. Made from what is kept of the event, so that it reveals nothing else."""
    parts = (app_id.encode(), rejection.reason.encode(), rejection.field.encode())
    kept = event.SerializeToString(deterministic=True)
    return uuid5(DEAD_LETTER_NAMESPACE, b"\x00".join((*parts, kept)))


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
        """Adds one event, and takes its idempotency key out of it: nothing else needs the key."""
        event = candidate.event
        self.positions.append(candidate.position)
        self.event_uuids += uuid
        self.fingerprints += fingerprint(candidate)
        if key := event.idempotency_key:
            self.idempotency_uuids += event_uuid(f"key\x00{key}")[0]
            self.has_keys = True
            event.idempotency_key = ""
        else:
            self.idempotency_uuids += NO_KEY
