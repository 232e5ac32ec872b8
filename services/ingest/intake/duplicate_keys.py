"""What makes two events the same one: their ids, and whether their payloads agree; and where they go."""

from dataclasses import dataclass, field
from functools import lru_cache
from zlib import crc32

from libs.common.ids import event_uuid
from libs.common.sharding import event_shard_key, shard_of
from services.ingest.intake.model import Candidate, Frame, Identity

NO_KEY = bytes(16)


def identify(app_id: str, candidate: Candidate, shards: int) -> Identity:
    """The identity of an event that may go on."""
    # Of an id that revealed a person, this is the replacement: no hash of the id is kept.
    uuid, _ = event_uuid(candidate.event_id)
    key = candidate.idempotency_key
    shard = 0
    if shards > 1:
        shard = shard_of(app_id, event_shard_key(candidate.event, candidate.event_id), shards)
    payload = crc32(candidate.properties_json, _checksum(candidate.event_type.name))
    return Identity(
        candidate.position,
        candidate.event,
        uuid,
        payload.to_bytes(4, "big"),
        event_uuid(f"key\x00{key}")[0] if key else NO_KEY,
        shard,
    )


@lru_cache(maxsize=4096)
def _checksum(name: str) -> int:
    return crc32(name.encode())


@dataclass(slots=True)
class ShardPart:
    """The events of a batch that go to one shard, with their frames."""

    events: list[tuple[Frame, Identity]] = field(default_factory=list)
    # Events whose id another event of the batch has, which comes first.
    repeated: list[tuple[Frame, Identity]] = field(default_factory=list)

    def joined_keys(self) -> tuple[bytes, bytes, bytes]:
        """The ids, fingerprints and idempotency keys as the append script takes them."""
        identities = [identity for _, identity in self.events]
        keys = [identity.idempotency_uuid for identity in identities]
        return (
            b"".join([identity.event_uuid for identity in identities]),
            b"".join([identity.fingerprint for identity in identities]),
            b"".join(keys) if any(key is not NO_KEY for key in keys) else b"",
        )
