"""Where consent lies in Redis: one hash for each app and shard, a field for each person."""

from libs.catalog.texts import is_short_text
from libs.common.sharding import shard_key

# Fields that begin with a NUL are ours; no subject id does (`ConsentReader` looks no such id up).
RESERVED_PREFIX = b"\x00"
# Holds the run id of the Redis server on which this hash was last made to mirror Postgres
# completely. Missing or another server's: what the hash does not say must not be taken for a "no
# answer yet".
READY_FIELD = RESERVED_PREFIX + b"ready"

# There if the app has people who were erased: their "no" is kept under their pseudonyms.
ERASED_FIELD = RESERVED_PREFIX + b"erased"
# What that holds if each of them is in the hashes of all shards, so that one command reads a person and what
# is kept of the person. A release before this one kept them in one shard each, and another value here.
ERASED_EVERYWHERE = b"2"
# Not printable, so that no one's id begins with it.
_ERASED_PREFIX = "\x01"


def erased_id(person: str) -> str:
    """What stands for the id of an erased person, whose pseudonym is given."""
    return _ERASED_PREFIX + person


def is_erased_id(subject_id: str) -> bool:
    """Whether it stands for an erased person."""
    return len(subject_id) > 1 and subject_id.startswith(_ERASED_PREFIX)


def is_subject_id(text: str) -> bool:
    """Whether this can be a person's id: ingest takes events, and privacy records, about no other."""
    return bool(text) and is_short_text(text)


def consent_key(app_id: str, shard: int) -> str:
    """The hash of one app and shard: subject id to encoded state, and `READY_FIELD`."""
    return shard_key("privacy", shard, "consent", app_id)


def ready_marker(run_id: bytes, shards: int) -> bytes:
    """What `READY_FIELD` holds in a hash that is complete: which run of which server it was filled in, and
    for how many shards, because people lie elsewhere when that number changes."""
    return b"%s/%d" % (run_id, shards)
