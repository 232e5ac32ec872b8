"""Batches in the streams: compressed ones, those that are not, and payloads that are none."""

import random
from collections.abc import Callable

import pytest
import zstandard
from google.protobuf.message import DecodeError
from weir.common.v1.event_pb2 import Event
from weir.streams.v1 import batch_pb2

from libs.streams import compression
from libs.streams.compression import MAX_BYTES, MIN_BYTES, compress, decompress
from libs.streams.deliverable import enriched_batch_id, raw_batch_id
from libs.streams.entries import enriched_batch, raw_batch
from libs.streams.groups import Entry, size_bytes

BATCH_ID = bytes(range(16))
# The first bytes of every Zstandard frame: RFC 8878, section 3.1.1.
MAGIC = bytes.fromhex("28b52ffd")


def _batch(events: int) -> batch_pb2.EventBatch:
    return batch_pb2.EventBatch(
        app_id="chess",
        batch_id=BATCH_ID,
        received_at_us=42,
        events=[
            Event(event_id=f"e{number}", name="match.ended", properties_json=b'{"won":true}' * 20)
            for number in range(events)
        ],
    )


def test_a_batch_is_compressed_and_read_as_it_was() -> None:
    batch = _batch(100)
    payload = batch.SerializeToString()
    compressed = compress(payload)
    assert compressed.startswith(MAGIC)
    assert len(compressed) < len(payload) / 4
    assert raw_batch({b"batch": compressed}) == batch
    enriched = batch_pb2.EnrichedBatch(event_batch=compressed).SerializeToString()
    assert enriched_batch({b"batch": enriched})[1] == batch


@pytest.mark.parametrize("events", [1, 100])
def test_a_batch_of_a_release_that_did_not_compress_is_read(events: int) -> None:
    batch = _batch(events)
    assert raw_batch({b"batch": batch.SerializeToString()}) == batch


def test_a_small_batch_stays_as_it_is() -> None:
    payload = _batch(1).SerializeToString()
    assert len(payload) < MIN_BYTES
    assert compress(payload) is payload


@pytest.mark.parametrize("length", [0, 1, MIN_BYTES - 1, MIN_BYTES, MIN_BYTES + 1, 300_000])
def test_what_does_not_shrink_comes_back_too(length: int) -> None:
    payload = random.Random(1).randbytes(length)
    assert decompress(compress(payload)) == payload


def _frame_of_zeros(length: int) -> bytes:
    return zstandard.ZstdCompressor().compress(bytes(length))


@pytest.mark.parametrize(
    "damage",
    [
        lambda good: good[:-1],
        lambda good: good[: len(good) // 2],
        lambda _: MAGIC,
        lambda _: MAGIC + b"\xff" * 50,
        lambda good: good + b"\x22\x01\x00",
    ],
)
def test_a_damaged_batch_is_no_message(damage: Callable[[bytes], bytes]) -> None:
    good = compress(_batch(100).SerializeToString())
    with pytest.raises(DecodeError):
        raw_batch({b"batch": damage(good)})


def test_a_batch_that_would_take_too_much_memory_is_not_decompressed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # 4 GiB of zeros in a few bytes: the header says so, and the rest is never looked at.
    huge = MAGIC + b"\xa0" + (2**32 - 1).to_bytes(4, "little")
    assert zstandard.frame_content_size(huge) == 2**32 - 1
    with pytest.raises(DecodeError, match=str(MAX_BYTES)):
        decompress(huge)
    monkeypatch.setattr(compression, "MAX_BYTES", 10_000)
    assert decompress(_frame_of_zeros(10_000)) == bytes(10_000)
    with pytest.raises(DecodeError, match="10000"):
        decompress(_frame_of_zeros(10_001))
    # One that does not say how much it has was not written by ingest.
    silent = zstandard.ZstdCompressor(write_content_size=False).compress(bytes(100))
    with pytest.raises(DecodeError):
        decompress(silent)


def test_the_id_beside_a_batch_is_found_without_reading_it() -> None:
    assert raw_batch_id({b"batch": MAGIC, b"id": BATCH_ID}) == BATCH_ID
    assert enriched_batch_id({b"batch": MAGIC, b"id": BATCH_ID}) == BATCH_ID


def test_an_entry_counts_as_large_as_it_is_decompressed() -> None:
    payload = _batch(100).SerializeToString()
    fields = {b"batch": compress(payload), b"trace": b"t", b"size": str(len(payload)).encode()}
    entry = Entry(b"s", b"1-0", fields)
    older = Entry(b"s", b"2-0", {b"batch": b"12345", b"trace": b"t"})
    assert size_bytes([entry, older]) == len(payload) + 6
