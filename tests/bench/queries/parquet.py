"""The same events as Parquet, a file a day: what DuckDB answers from."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tests.bench.queries.generator import NAMES, Event, Generator, subject_id

# Those of `enrich.events`, and what questions ask of the properties.
SCHEMA = pa.schema(
    [
        ("event_uuid", pa.binary(16)),
        ("occurred_at", pa.timestamp("us", tz="UTC")),
        ("person", pa.string()),
        ("name", pa.string()),
        ("content_type", pa.string()),
        ("duration", pa.int32()),
        ("action", pa.string()),
        ("amount", pa.int32()),
        ("currency", pa.string()),
    ]
)
_OF_PROPERTIES = SCHEMA.names[4:]


class ParquetWriter:
    """Writes days as `0000.parquet`, `0001.parquet`, … into a folder that is there."""

    def __init__(self, generator: Generator, folder: Path) -> None:
        self._folder = folder
        self._people = [*map(subject_id, range(generator.people)), None]
        self._values = [
            [
                [getattr(properties, column) for properties in variants]
                for variants in generator.properties
            ]
            for column in _OF_PROPERTIES
        ]

    def write(self, day: int, events: Sequence[Event]) -> None:
        """Writes the events of a day, in the given order."""
        columns = [
            [event.event_uuid for event in events],
            [event.occurred_us for event in events],
            [self._people[event.person] for event in events],
            [NAMES[event.name] for event in events],
            *([by_name[event.name][event.variant] for event in events] for by_name in self._values),
        ]
        arrays = [
            pa.array(values, type=field.type) for values, field in zip(columns, SCHEMA, strict=True)
        ]
        pq.write_table(
            pa.Table.from_arrays(arrays, schema=SCHEMA), self._folder / f"{day:04}.parquet"
        )
