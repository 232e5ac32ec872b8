"""Stored events in Parquet: the published columns, with types that every reader of the format knows.

Imported only by processes that read or write such files: pyarrow takes 50 MB of memory.
"""

import uuid
from collections.abc import Iterator, Sequence
from typing import IO, Any

import pyarrow as pa
from pyarrow import compute, parquet

from libs.common.ids import event_uuid
from libs.common.mentions import forms_of
from libs.common.subject_data import SubjectRef
from libs.events.columns import COLUMNS, EventColumn
from libs.events.digest import Row
from libs.events.person import NAMING_DOCUMENTS, NAMING_TEXTS, traces

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
# Not by id within a moment: an erasure may give an event another one.
SORTED_BY = ("name", "occurred_at")


def _field(column: EventColumn) -> Any:
    about = {"meaning": column.meaning, "personal": str(column.personal).lower()}
    return pa.field(column.name, _TYPES[column.type], nullable=column.nullable, metadata=about)


SCHEMA = pa.schema([_field(column) for column in COLUMNS])
# What `_owned` looks at.
_OWNERS = ("person", "subject_id", "anonymous_id")
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
    file: IO[bytes], subject: SubjectRef, before_us: int, names: Sequence[str] | None
) -> Iterator[list[Row]]:
    """The rows of a file, some at a time, that `libs.events.subject_rows.EVENTS` would find in the database:
    the person's, received before a moment, and of these names. Raises as `read_groups` does."""
    with parquet.ParquetFile(file) as found:
        if found.schema_arrow.names != SCHEMA.names:
            raise ValueError("the file has other columns")
        for group in range(found.num_row_groups):
            # Most of a file is in the other columns, and most groups have nothing of the person.
            masks = [
                _wanted(batch, subject, before_us, names)
                for batch in found.iter_batches(
                    ROWS_IN_A_GROUP, row_groups=[group], columns=[*_OWNERS, "received_at", "name"]
                )
            ]
            wanted = pa.chunked_array(masks, pa.bool_()).combine_chunks()
            if not compute.any(wanted).as_py():
                continue
            place = 0
            for batch in found.iter_batches(ROWS_AT_ONCE, row_groups=[group]):
                kept = batch.filter(wanted.slice(place, len(batch)))
                place += len(batch)
                if len(kept):
                    yield list(zip(*map(_values, COLUMNS, kept.columns), strict=True))


def _wanted(batch: Any, subject: SubjectRef, before_us: int, names: Sequence[str] | None) -> Any:
    received_us = batch.column("received_at").cast(pa.int64())
    wanted = compute.and_(_owned(batch, subject), compute.less(received_us, before_us))
    if names is None:
        return wanted
    of_names = compute.is_in(batch.column("name"), value_set=pa.array(names, pa.string()))
    return compute.and_(wanted, of_names)


def may_have_events(file: IO[bytes], subject: SubjectRef, *, of_others: bool) -> bool:
    """Whether a file may have an event of the person, or with `of_others` one that may name the person."""
    columns = list(_OWNERS)
    if of_others:
        columns += ["event_uuid", "event_id", *NAMING_TEXTS, *NAMING_DOCUMENTS]
    with parquet.ParquetFile(file) as found:
        for batch in found.iter_batches(batch_size=ROWS_IN_A_GROUP, columns=columns):
            masks = [_owned(batch, subject)]
            if of_others:
                masks += _naming(batch, subject)
            if any(compute.any(mask).as_py() for mask in masks):
                return True
    return False


def _naming(batch: Any, subject: SubjectRef) -> Iterator[Any]:
    """`libs.events.person.MAY_NAME` of each row: it holds if one of these does."""
    for name in NAMING_DOCUMENTS:
        document = _storage(batch.column(name))
        yield from (compute.match_substring(document, each) for each in traces(subject))
    for name in ("event_id", *NAMING_TEXTS):
        text = batch.column(name)
        yield from (compute.match_substring(text, each) for each in forms_of(subject.subject_id))
    id_, is_uuid = event_uuid(subject.subject_id)
    if is_uuid:
        yield compute.equal(_storage(batch.column("event_uuid")), pa.scalar(id_, pa.binary(16)))


def _owned(batch: Any, subject: SubjectRef) -> Any:
    """`libs.events.person.OWNED` of each row."""
    persons = pa.array([bytes.fromhex(person) for person in subject.persons], pa.binary(16))
    pseudonyms = pa.array(subject.persons, pa.string())
    person = _storage(batch.column("person"))
    subject_id = batch.column("subject_id").fill_null("")
    by_id = compute.or_(
        compute.equal(subject_id, subject.subject_id),
        compute.and_(
            compute.equal(subject_id, ""),
            compute.is_in(batch.column("anonymous_id"), value_set=pseudonyms),
        ),
    )
    return compute.or_(
        compute.is_in(person, value_set=persons), compute.and_(compute.is_null(person), by_id)
    )


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
