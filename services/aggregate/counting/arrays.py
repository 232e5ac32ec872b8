"""Postgres arrays in their binary form, packed by hand.

psycopg packs a list element by element in Python, at about 0.4 µs each; a chunk has tens of thousands.
The format is that of `array_send` in PostgreSQL's arrayfuncs.c.
"""

from collections.abc import Sequence
from itertools import repeat
from struct import Struct

from psycopg.abc import AdaptContext
from psycopg.adapt import Dumper
from psycopg.pq import Format

_HEADER = Struct("!iiIii")
_LENGTH = Struct("!i").pack
_NULL = _LENGTH(-1)
_BIGINT = Struct("!iq").pack
_DOUBLE = Struct("!id").pack
_UUID_LENGTH = _LENGTH(16)


class PackedArray:
    """The bytes of an array; the subclass says of which type."""

    __slots__ = ("data",)
    element_oid = 0
    array_oid = 0

    def __init__(self, count: int, body: bytes, *, nulls: bool = False) -> None:
        header = _HEADER.pack(1, int(nulls), self.element_oid, count, 1)
        # An empty array has no dimensions.
        self.data = header + body if count else _HEADER.pack(0, 0, self.element_oid, 0, 0)[:12]


class UuidArray(PackedArray):
    """`uuid[]` of values of 16 bytes each, with None as NULL."""

    __slots__ = ()
    element_oid, array_oid = 2950, 2951

    def __init__(self, values: Sequence[bytes | None]) -> None:
        parts = [_NULL if value is None else _UUID_LENGTH + value for value in values]
        super().__init__(len(values), b"".join(parts), nulls=None in values)


class TextArray(PackedArray):
    """`text[]`, with None as NULL."""

    __slots__ = ()
    element_oid, array_oid = 25, 1009

    def __init__(self, values: Sequence[str | bytes | None]) -> None:
        distinct = set(values)
        if len(distinct) * 2 < len(values):
            packed = {value: _text(value) for value in distinct}
            body = b"".join(map(packed.__getitem__, values))
        else:
            body = b"".join(map(_text, values))
        super().__init__(len(values), body, nulls=None in distinct)


def _text(value: str | bytes | None) -> bytes:
    if value is None:
        return _NULL
    data = value if isinstance(value, bytes) else value.encode()
    return _LENGTH(len(data)) + data


class BigintArray(PackedArray):
    """`bigint[]`."""

    __slots__ = ()
    element_oid, array_oid = 20, 1016

    def __init__(self, values: Sequence[int]) -> None:
        super().__init__(len(values), b"".join(map(_BIGINT, repeat(8), values)))


class DoubleArray(PackedArray):
    """`double precision[]`, with None as NULL."""

    __slots__ = ()
    element_oid, array_oid = 701, 1022

    def __init__(self, values: Sequence[float | None]) -> None:
        parts = [_NULL if value is None else _DOUBLE(8, value) for value in values]
        super().__init__(len(values), b"".join(parts), nulls=None in values)


def register(context: AdaptContext) -> None:
    """Teaches a connection to take packed arrays as parameters."""
    adapters = context.adapters
    if adapters is not None:
        for kind, dumper in _DUMPERS.items():
            adapters.register_dumper(kind, dumper)


class _PackedDumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: PackedArray) -> bytes:
        return obj.data


def _dumper(kind: type[PackedArray]) -> type[Dumper]:
    return type(f"{kind.__name__}Dumper", (_PackedDumper,), {"oid": kind.array_oid})


_DUMPERS = {kind: _dumper(kind) for kind in (UuidArray, TextArray, BigintArray, DoubleArray)}
