"""The streams' names, and what their entries hold: the contract between the services.

| stream | written by | read by group | fields |
|---|---|---|---|
| raw | ingest | `enrich` | `batch`: EventBatch, `trace`: traceparent, `skip`: positions seen before |
| enriched | enrich | `aggregate` | `batch`: EnrichedBatch, `trace`: traceparent |
| dead letters | ingest, enrich | `ingest` | `batch`: DeadLetterBatch |
| poison | a group's reader | people | the entry's fields, `stream` and `entry`: where it was |

Messages are those of `weir.pipeline.v1`; `skip` is decimal numbers with commas between them.
"""

from libs.common.sharding import shard_key


def raw_stream(shard: int) -> str:
    """Accepted batches, in the order in which ingest took them."""
    return shard_key("ingest", shard, "raw")


def enriched_stream(shard: int) -> str:
    """Stored batches."""
    return shard_key("enrich", shard, "enriched")


def refused_stream(shard: int) -> str:
    """Events that ingest refused, on their way to Postgres."""
    return shard_key("ingest", shard, "dead_letters")


def unhandled_stream(shard: int) -> str:
    """Events that enrich could not handle, on their way to Postgres."""
    return shard_key("enrich", shard, "dead_letters")


def poison_stream(group: str, shard: int) -> str:
    """Entries that the group's readers have put aside."""
    return shard_key(group, shard, "poison")


def attempts_key(group: str, shard: int) -> str:
    """A hash of attempts at entries that came to no good end, by stream and entry id."""
    return shard_key(group, shard, "attempts")
