"""The message in an entry of each stream; `names.py` lists all fields.

Every function raises DecodeError or KeyError for other entries.
"""

from collections.abc import Mapping

from weir.streams.v1 import batch_pb2

from libs.streams.compression import decompress

Fields = Mapping[bytes, bytes]


def raw_batch(fields: Fields) -> batch_pb2.EventBatch:
    """Of an entry of `raw_stream`: the batch."""
    return batch_pb2.EventBatch.FromString(decompress(fields[b"batch"]))


def enriched_batch(fields: Fields) -> tuple[batch_pb2.EnrichedBatch, batch_pb2.EventBatch]:
    """Of an entry of `enriched_stream`: the enriched batch, and the batch in it."""
    enriched = batch_pb2.EnrichedBatch.FromString(fields[b"batch"])
    return enriched, batch_pb2.EventBatch.FromString(decompress(enriched.event_batch))


def dead_letter_batch(fields: Fields) -> batch_pb2.DeadLetterBatch:
    """Of an entry with dead letters: the letters."""
    return batch_pb2.DeadLetterBatch.FromString(fields[b"batch"])
