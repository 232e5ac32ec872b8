"""Stored events in Parquet: the published columns, with types that every reader of the format knows.

Imported only by processes that read or write such files: pyarrow takes 50 MB of memory.
"""

import uuid
from collections.abc import Iterator, Sequence
from typing import IO, Any

import pyarrow as pa
from pyarrow import compute, parquet

from libs.events.columns import COLUMNS, EventColumn
from libs.events.digest import Row

ROWS_IN_A_GROUP = 20_000
# If only a few of them are wanted.
ROWS_AT_ONCE = 2_000
_TYPES = {
    "uuid": pa.uuid(),
    "timestamp with time zone": pa.timestamp("us", tz="UTC"),
    "text": pa.string(),
    "jsonb": pa.json_(pa.string()),
    "boolean": pa.bool_(),
}
# Of events, as in pages of `libs.events.postgres`.
SORTED_BY = ("name", "occurred_at", "event_uuid", "retention_class")


def _field(column: EventColumn) -> Any:
    about = {"meaning": column.meaning, "personal": str(column.personal).lower()}
    return pa.field(column.name, _TYPES[column.type], nullable=column.nullable, metadata=about)


SCHEMA = pa.schema([_field(column) for column in COLUMNS])
_POSITIONS = [SCHEMA.get_field_index(name) for name in SORTED_BY]


class EventFile:
    """A file that is being written, with zstd; a context manager. Rows come in the order of SORTED_BY."""

    def __init__(self, file: IO[bytes]) -> None:
        self._writer = parquet.ParquetWriter(
            file,
            SCHEMA,
            compression="zstd",
            sorting_columns=[parquet.SortingColumn(position) for position in _POSITIONS],
        )

    def __enter__(self) -> "EventFile":
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.close()

    def write(self, rows: Sequence[Row]) -> None:
        """Adds a group of rows."""
        arrays = [
            _array(column, [row[position] for row in rows])
            for position, column in enumerate(COLUMNS)
        ]
        batch = pa.RecordBatch.from_arrays(arrays, schema=SCHEMA)
        self._writer.write_batch(batch, row_group_size=ROWS_IN_A_GROUP)


def read_groups(file: IO[bytes]) -> Iterator[list[Row]]:
    """The rows of a file, some thousand at a time. Raises pyarrow.ArrowException for a file that is no such
    file, and ValueError for one of other columns."""
    with parquet.ParquetFile(file) as found:
        if found.schema_arrow.names != SCHEMA.names:
            raise ValueError("the file has other columns")
        for batch in found.iter_batches(batch_size=ROWS_IN_A_GROUP):
            yield list(zip(*map(_values, COLUMNS, batch.columns), strict=True))


def read_of_person(
    file: IO[bytes],
    people: Sequence[uuid.UUID],
    subject_id: str,
    before_us: int,
    names: Sequence[str] | None,
) -> Iterator[list[Row]]:
    """The rows of a file, some at a time, that `libs.events.subject_rows.EVENTS` would find in the database:
    of one of these people, received before a moment, and of these names. Raises as `read_groups` does."""
    persons = pa.array([person.bytes for person in people], pa.binary(16))
    pseudonyms = pa.array([person.hex for person in people], pa.string())
    with parquet.ParquetFile(file) as found:
        if found.schema_arrow.names != SCHEMA.names:
            raise ValueError("the file has other columns")
        for batch in found.iter_batches(batch_size=ROWS_AT_ONCE):
            person = _storage(batch.column("person"))
            unkeyed = compute.or_(
                compute.equal(batch.column("subject_id"), subject_id).fill_null(False),
                compute.is_in(batch.column("anonymous_id"), value_set=pseudonyms),
            )
            wanted = compute.or_(
                compute.is_in(person, value_set=persons),
                compute.and_(compute.is_null(person), unkeyed),
            )
            received_us = batch.column("received_at").cast(pa.int64())
            wanted = compute.and_(wanted, compute.less(received_us, before_us))
            if names is not None:
                of_names = compute.is_in(
                    batch.column("name"), value_set=pa.array(names, pa.string())
                )
                wanted = compute.and_(wanted, of_names)
            if compute.any(wanted).as_py():
                kept = batch.filter(wanted)
                yield list(zip(*map(_values, COLUMNS, kept.columns), strict=True))


def may_name(
    file: IO[bytes], people: Sequence[uuid.UUID], subject_id: str, in_json: str | None
) -> bool:
    """Whether an event of a file is of one of these people or of the subject, or, with `in_json`, may name
    the subject in its entity or in its properties, whose text contains `in_json` then."""
    columns = ["person", "subject_id", *(() if in_json is None else ("entity_id", "properties"))]
    persons = pa.array([person.bytes for person in people], pa.binary(16))
    with parquet.ParquetFile(file) as found:
        for batch in found.iter_batches(batch_size=ROWS_IN_A_GROUP, columns=columns):
            of = {name: _storage(batch.column(name)) for name in columns}
            masks = [
                compute.is_in(of["person"], value_set=persons),
                *(compute.equal(of[name], subject_id) for name in columns if name.endswith("_id")),
            ]
            if in_json is not None:
                masks.append(compute.match_substring(of["properties"], in_json))
            if any(compute.any(mask).as_py() for mask in masks):
                return True
    return False


def _array(column: EventColumn, values: Sequence[Any]) -> Any:
    match column.type:
        case "uuid":
            found = [None if value is None else value.bytes for value in values]
            return pa.ExtensionArray.from_storage(pa.uuid(), pa.array(found, pa.binary(16)))
        case "timestamp with time zone":
            return pa.array(values, pa.int64()).cast(_TYPES[column.type])
        case "jsonb":
            return pa.ExtensionArray.from_storage(_TYPES["jsonb"], pa.array(values, pa.string()))
        case _:
            return pa.array(values, _TYPES[column.type])


def _values(column: EventColumn, array: Any) -> list[Any]:
    storage = _storage(array)
    match column.type:
        case "uuid":
            found = storage.to_pylist()
            return [None if value is None else uuid.UUID(bytes=value) for value in found]
        case "timestamp with time zone":
            return list(storage.cast(pa.int64()).to_pylist())
        case _:
            return list(storage.to_pylist())


def _storage(array: Any) -> Any:
    """Values of a type of Arrow itself."""
    return getattr(array, "storage", array)
