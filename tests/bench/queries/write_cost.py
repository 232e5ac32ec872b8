"""What indexes for behaviour cost where events are stored: COPY of the same rows, as enrich does it, in turn.

ADR 30 chose among these; what the migrations have is `covering`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from statistics import median
from struct import Struct
from time import perf_counter

import psutil
import psycopg

from services.enrich.binary_copy import POSTGRES_EPOCH_US, non_null_text, uuid
from tests.bench.processes import own_cpu_seconds
from tests.bench.queries.catalog import APP
from tests.bench.queries.generator import NAMES, Event, Generator
from tests.bench.queries.people import pseudonyms
from tests.bench.queries.rows import COLUMNS, HEADER, RETENTION, TRAILER, RowMaker

# As many as a chunk of enrich has at most, each stored by a COPY with its own commit.
_CHUNK = 4_000
_TABLE, _NARROW = "bench.events", "bench.behaviour"
_NARROW_ROW = Struct("!h").pack(4)
_MOMENT = Struct("!iq").pack
_TABLES = (
    "CREATE SCHEMA bench",
    f"CREATE TABLE {_TABLE} (LIKE enrich.events INCLUDING DEFAULTS) PARTITION BY LIST (retention_class)",
    f"CREATE TABLE bench.of_class PARTITION OF {_TABLE} FOR VALUES IN ('{RETENTION}')"
    " PARTITION BY RANGE (occurred_at)",
    "CREATE TABLE bench.of_day PARTITION OF bench.of_class FOR VALUES FROM (MINVALUE) TO (MAXVALUE)",
    f"ALTER TABLE {_TABLE} ADD UNIQUE (event_uuid, occurred_at, app_id, retention_class)",
    f"CREATE INDEX ON {_TABLE} (app_id, group_id, occurred_at) WHERE group_id IS NOT NULL",
)
# Those of releases before the column `person`; it is in the rows of each.
_PLAIN = (
    f"CREATE INDEX ON {_TABLE} (app_id, name, occurred_at)",
    f"CREATE INDEX ON {_TABLE} (app_id, subject_id, occurred_at) WHERE subject_id IS NOT NULL",
)
# The last index stays empty.
_COVERING = (
    f"CREATE INDEX ON {_TABLE} (app_id, name, occurred_at) INCLUDE (person)",
    f"CREATE INDEX ON {_TABLE} (app_id, person, occurred_at) INCLUDE (name)"
    " WHERE person IS NOT NULL",
    f"CREATE INDEX ON {_TABLE} (app_id, subject_id, occurred_at)"
    " WHERE person IS NULL AND (subject_id IS NOT NULL OR anonymous_id IS NOT NULL)",
)
_BESIDE = (
    f"CREATE TABLE {_NARROW} (app_id text NOT NULL, person uuid NOT NULL,"
    " occurred_at timestamptz NOT NULL, name text NOT NULL)",
    f"CREATE INDEX ON {_NARROW} (app_id, name, occurred_at) INCLUDE (person)",
    f"CREATE INDEX ON {_NARROW} (app_id, person, occurred_at) INCLUDE (name)",
)
# What is made besides the table, its unique key and the index by group.
VARIANTS = {"plain": _PLAIN, "covering": _COVERING, "narrow table": (*_PLAIN, *_BESIDE)}
_SIZES = """
    SELECT coalesce(sum(pg_table_size(oid)) FILTER (WHERE relkind = 'r'), 0)::bigint,
        coalesce(sum(pg_relation_size(oid)) FILTER (WHERE relkind = 'i'), 0)::bigint
    FROM pg_class WHERE relnamespace = 'bench'::regnamespace
"""


@dataclass(slots=True)
class WriteCost:
    """What one variant cost in each round; bytes a row are of the last one."""

    rows_per_s: list[float] = field(default_factory=list)
    cpu_us: list[float] = field(default_factory=list)
    log_bytes: list[float] = field(default_factory=list)
    table_bytes: float = 0.0
    index_bytes: float = 0.0

    def line(self) -> dict[str, float]:
        """Medians, by name."""
        return {
            "rows_per_s": round(median(self.rows_per_s)),
            "cpu_us_per_row": round(median(self.cpu_us), 2),
            "log_bytes_per_row": round(median(self.log_bytes)),
            "table_bytes_per_row": round(self.table_bytes),
            "index_bytes_per_row": round(self.index_bytes),
        }


class WriteBench:
    """Copies a day of the generator's events into an empty copy of the table, with each variant's indexes, in
    turn."""

    def __init__(self, connection: psycopg.Connection, generator: Generator, day: int) -> None:
        self._connection = connection
        self._events = generator.day(day)
        people = [*map(uuid, pseudonyms(generator))]
        self._rows = _copies(RowMaker(generator), self._events)
        self._narrow = [
            HEADER + b"".join(_narrow_row(event, people) for event in chunk) + TRAILER
            for chunk in _chunks([event for event in self._events if event.person >= 0])
        ]

    def measure(self, rounds: int) -> dict[str, WriteCost]:
        """All variants, `rounds` times."""
        results = {name: WriteCost() for name in VARIANTS}
        for number in range(rounds):
            # In the other direction each time, so that none always follows the same one.
            for name in list(VARIANTS)[:: 1 if number % 2 else -1]:
                self._round(name, results[name])
        return results

    def _round(self, name: str, result: WriteCost) -> None:
        connection = self._connection
        for statement in (*_TABLES, *VARIANTS[name]):
            connection.execute(statement.encode())
        connection.execute("SET synchronous_commit = on")
        copies = [(f"{_TABLE} ({', '.join(COLUMNS)})", block) for block in self._rows]
        if name == "narrow table":
            copies += [(f"{_NARROW} (app_id, person, occurred_at, name)", x) for x in self._narrow]
        backend = psutil.Process(connection.info.backend_pid)
        log, cpu, start = self._log_position(), own_cpu_seconds(backend), perf_counter()
        for target, data in copies:
            with (
                connection.cursor() as cursor,
                cursor.copy(f"COPY {target} FROM STDIN (FORMAT binary)".encode()) as copy,
            ):
                copy.write(data)
        rows = len(self._events)
        result.rows_per_s.append(rows / (perf_counter() - start))
        result.cpu_us.append((own_cpu_seconds(backend) - cpu) / rows * 1_000_000)
        result.log_bytes.append((self._log_position() - log) / rows)
        sizes = connection.execute(_SIZES).fetchone()
        assert sizes is not None
        result.table_bytes, result.index_bytes = (size / rows for size in sizes)
        connection.execute("DROP SCHEMA bench CASCADE")

    def _log_position(self) -> int:
        row = self._connection.execute(
            "SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint"
        ).fetchone()
        assert row is not None
        return int(row[0])


def _copies(maker: RowMaker, events: Sequence[Event]) -> list[bytes]:
    return [b"".join(maker.blocks(chunk)) for chunk in _chunks(events)]


def _chunks(events: Sequence[Event]) -> Iterator[Sequence[Event]]:
    for start in range(0, len(events), _CHUNK):
        yield events[start : start + _CHUNK]


def _narrow_row(event: Event, people: Sequence[bytes]) -> bytes:
    return (
        _NARROW_ROW
        + non_null_text(APP)
        + people[event.person]
        + _MOMENT(8, event.occurred_us - POSTGRES_EPOCH_US)
        + non_null_text(NAMES[event.name])
    )
