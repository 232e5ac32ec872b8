"""The streams' names, and what their entries hold: the contract between the services.

| stream | written by | read by | fields |
|---|---|---|---|
| `raw_stream` | ingest | `ENRICH` | `batch`: EventBatch, `skip`, `trace`, `id`, `size` |
| `enriched_stream` | enrich | `AGGREGATE` | `batch`: EnrichedBatch, `trace`, `id`, `size` |
| `ingest_dead_letters`, `enrich_dead_letters` | ingest, enrich | `INGEST` | `batch`: DeadLetterBatch |
| `AUDIT_STREAM` | services that answer with personal data | `PRIVACY` | `entry`: an audit entry as JSON |
| `quarantine_stream` | the readers of a group | people | the entry, its `stream` and `entry` id, `since` |

`batch` is a message of `weir.streams.v1`, `trace` the traceparent, `skip` the positions of events seen
before, as decimal numbers with commas between them. So that the message need not be decompressed for it,
`id` is the batch id, and `size` how many bytes the batch has decompressed; entries of older releases lack
these two. `since` is when an entry came to quarantine, in milliseconds of Redis's clock, if an erasure
has put what it left of the entry in its place.
"""

from collections.abc import Callable

from libs.common.sharding import shard_key

# Consumer groups, named like the services that read with them.
INGEST = "ingest"
ENRICH = "enrich"
AGGREGATE = "aggregate"
PRIVACY = "privacy"

# Entries of the audit trail whose act has no transaction of its own. One for all shards: there are few.
AUDIT_STREAM = shard_key("privacy", 0, "audit")


def raw_stream(shard: int) -> str:
    """Accepted batches, in the order in which ingest took them."""
    return shard_key("ingest", shard, "raw")


def enriched_stream(shard: int) -> str:
    """Stored batches."""
    return shard_key("enrich", shard, "enriched")


def ingest_dead_letters(shard: int) -> str:
    """Events that ingest rejected, on their way to Postgres."""
    return shard_key("ingest", shard, "dead_letters")


def enrich_dead_letters(shard: int) -> str:
    """Events that enrich could not handle, on their way to Postgres."""
    return shard_key("enrich", shard, "dead_letters")


def quarantine_stream(group: str, shard: int) -> str:
    """Entries that no reader of the group could handle."""
    return shard_key(group, shard, "quarantine")


def streams_of(shards: int, *stream_of: Callable[[int], str]) -> list[str]:
    """The streams of all shards, from 0 on; of the first kind, then of the second, and so on."""
    return [name(shard) for name in stream_of for shard in range(shards)]


def attempts_key(group: str, shard: int) -> str:
    """A hash of attempts at entries that came to no good end, by stream and entry id."""
    return shard_key(group, shard, "attempts")


def dead_lettered_key(group: str, shard: int) -> str:
    """How many entries the group has lately settled without working on them."""
    return shard_key(group, shard, "dead_lettered")
