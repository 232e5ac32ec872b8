"""Batches are compressed in the streams: the events of one app resemble each other (ADR 23).

Ingest compresses a batch once, its readers decompress it. What is not compressed is read as it is: small
batches, and those of releases that did not compress.
"""

import zstandard
from google.protobuf.message import DecodeError

# A batch of two or three events. Smaller ones hardly shrink.
MIN_BYTES = 1024
# Eight times the largest message that ingest takes: a batch that declares more was not written by ingest.
MAX_BYTES = 64 * 1024 * 1024
# The fastest of the regular levels. Level 3 takes half as much time again, for the same size.
_LEVEL = 1
# How a Zstandard frame begins (RFC 8878). No EventBatch begins so: to protobuf it is a field 5.
_MAGIC = zstandard.FRAME_HEADER

_compressor = zstandard.ZstdCompressor(level=_LEVEL)
_decompressor = zstandard.ZstdDecompressor()


def compress(payload: bytes) -> bytes:
    """The payload, compressed if it has at least MIN_BYTES. Not safe for several threads at a time."""
    return payload if len(payload) < MIN_BYTES else _compressor.compress(payload)


def decompress(payload: bytes) -> bytes:
    """What `compress` was given. Not safe for several threads at a time.

    Raises DecodeError, as for any other payload that is no message, if it is damaged or would have more than
    MAX_BYTES.
    """
    if not payload.startswith(_MAGIC):
        return payload
    try:
        # -1 if the frame does not say.
        if not 0 <= zstandard.frame_content_size(payload) <= MAX_BYTES:
            raise DecodeError(f"it would have more than {MAX_BYTES} bytes")
        return _decompressor.decompress(payload, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise DecodeError("it cannot be decompressed") from error
