"""One run: builds both sides, compares their answers, and measures each layout after the other."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

import psycopg

from suite.embedded import PostgresServer
from suite.migrate import upgrade
from tests.bench.queries import cells
from tests.bench.queries.generator import Generator
from tests.bench.queries.layouts import BEHAVIOUR, COVERING, EXISTING, Layout
from tests.bench.queries.load import load
from tests.bench.queries.parquet import ParquetWriter
from tests.bench.queries.questions import Question, questions
from tests.bench.queries.sides import DuckSide, PostgresSide, Rows
from tests.bench.queries.timing import Times, compare, timed
from tests.bench.queries.write_cost import WriteBench, WriteCost

DUCKDB, FRESH, TWO = "duckdb", "covering, not vacuumed", "covering, 1 worker"
# So that a leaf that is made and filled in one transaction is not written to the log as well, and that it is
# known which leaves are vacuumed.
_SETTINGS = {"wal_level": "minimal", "max_wal_senders": "0", "autovacuum": "off"}
_PORT = 25_999
# A weekday in the second half.
_WRITTEN_DAY = 60
_SIZE = """
    SELECT coalesce(sum(pg_relation_size(class.oid)), 0)::bigint FROM pg_class AS class
    JOIN pg_index ON indexrelid = class.oid
    JOIN pg_attribute AS second ON second.attrelid = class.oid AND second.attnum = 2
    WHERE class.relkind = 'i' AND second.attname IN ('name', 'subject_id')
        AND relnamespace = 'enrich'::regnamespace
"""
_VACUUMED = """
    SELECT coalesce(sum(relallvisible), 0) FROM pg_class WHERE oid IN (
        SELECT relid FROM pg_partition_tree('enrich.events') WHERE isleaf
    )
"""
_NARROW_SIZE = "SELECT pg_total_relation_size('bench.behaviour')"


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured."""

    events: int = 10_000_000
    runs: int = 20
    # Of one question in one layout, after which no further run begins.
    seconds: float = 12.0
    write_rounds: int = 5


@dataclass(slots=True)
class Results:
    """All that a run found out. Times are by question, and then by layout."""

    events: int
    build_seconds: float | None = None
    table_bytes: int = 0
    parquet_bytes: int = 0
    layout_bytes: dict[str, int] = field(default_factory=dict)
    times: dict[str, dict[str, Times]] = field(default_factory=dict)
    write: dict[str, WriteCost] = field(default_factory=dict)


class QueryBench:
    """Works in `home`, which may hold what an earlier run with as many events has built."""

    def __init__(self, home: Path, plan: Plan, progress: Callable[[str], object]) -> None:
        self._home, self._plan, self._progress = home, plan, progress
        self._generator = Generator(plan.events)
        self._built = home / "built.json"
        self._answers: dict[str, Rows] = {}
        self.results = Results(plan.events)

    def run(self) -> Results:
        """Raises WrongAnswerError as soon as an answer differs; ValueError if `home` was built with another
        number of events."""
        self._home.mkdir(parents=True, exist_ok=True)
        server = PostgresServer(self._home / "postgres", _PORT, settings=_SETTINGS)
        server.start()
        try:
            upgrade(server.url)
            self._measure(server.url)
        finally:
            server.stop()
        return self.results

    def _measure(self, url: str) -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            if not self._built.exists():
                self._load(connection)
            built = json.loads(self._built.read_text())
            if built["events"] != self._plan.events:
                raise ValueError(f"{self._home} was built with {built['events']} events")
            parquet = self._home / "parquet"
            self.results.build_seconds = built["seconds"]
            self.results.parquet_bytes = sum(file.stat().st_size for file in parquet.iterdir())
            self.results.table_bytes = _number(
                connection,
                "SELECT sum(pg_table_size(relid)) FROM pg_partition_tree('enrich.events')",
            )
            postgres, duck = PostgresSide(url), DuckSide(parquet)
            try:
                self._ask_all(postgres, duck)
            finally:
                postgres.close()
                duck.close()
            self._progress("COPY in each layout, in turn")
            bench = WriteBench(connection, self._generator, _WRITTEN_DAY)
            self.results.write = bench.measure(self._plan.write_rounds)

    def _load(self, connection: psycopg.Connection) -> None:
        """Rows, unique key, Parquet and cells; without the indexes that are compared."""
        start = perf_counter()
        writer = ParquetWriter(self._generator, self._home / "parquet")
        for day, total in enumerate(load(connection, self._generator, writer)):
            if day % 10 == 0:
                self._progress(f"{total:,} events loaded in {perf_counter() - start:,.0f} s")
        self._progress(f"rows and unique key after {perf_counter() - start:,.0f} s; cells")
        for statement in EXISTING.make:
            connection.execute(statement.encode())
        for _ in cells.fill(connection):
            pass
        connection.execute("ANALYZE enrich.events")
        seconds = perf_counter() - start
        self._progress(f"built in {seconds:,.0f} s")
        self._built.write_text(json.dumps({"events": self._plan.events, "seconds": seconds}))

    def _ask_all(self, postgres: PostgresSide, duck: DuckSide) -> None:
        connection = postgres.connection
        for layout in (BEHAVIOUR, COVERING):
            for statement in layout.drop:
                connection.execute(statement.encode())
        self._time_duckdb(duck)
        postgres.configure(parallel_workers=0)
        self._make(postgres, COVERING)
        if not _number(connection, _VACUUMED):
            # Index-only scans have to look into the table until VACUUM was there.
            self._time(postgres, FRESH, only={"funnel_windows", "cohorts_by_scan", "paths"})
        self._progress("vacuuming")
        connection.execute("VACUUM enrich.events")
        self._time(postgres, COVERING.name)
        postgres.configure(parallel_workers=1)
        self._time(postgres, TWO)
        postgres.configure(parallel_workers=0)
        for layout in (EXISTING, BEHAVIOUR):
            self._drop(postgres)
            self._make(postgres, layout)
            # The events themselves have none of their indexes beside the narrow table.
            of_behaviour = {question.name for question in questions() if question.of_behaviour}
            self._time(postgres, layout.name, of_behaviour if layout is BEHAVIOUR else None)
        self._drop(postgres)

    def _make(self, postgres: PostgresSide, layout: Layout) -> None:
        self._progress(f"making {layout.name}")
        postgres.connection.execute("SET maintenance_work_mem = '512MB'")
        for statement in layout.make:
            postgres.connection.execute(statement.encode())
        size = _NARROW_SIZE if layout is BEHAVIOUR else _SIZE
        self.results.layout_bytes[layout.name] = _number(postgres.connection, size)
        postgres.layout = layout

    def _drop(self, postgres: PostgresSide) -> None:
        assert postgres.layout is not None
        for statement in postgres.layout.drop:
            postgres.connection.execute(statement.encode())
        postgres.layout = None

    def _time_duckdb(self, duck: DuckSide) -> None:
        self._progress(f"asking {DUCKDB}")
        asked: dict[str, str] = {}
        for question in questions():

            def ask(question: Question = question) -> Rows:
                return duck.rows(question.statement, question.parameters)

            # Questions that Postgres answers in several ways are the same for DuckDB.
            same = asked.setdefault(f"{question.statement}{question.parameters}", question.name)
            if same == question.name:
                self._answers[same] = ask()
                self._note(question, DUCKDB, ask)
            else:
                self._answers[question.name] = self._answers[same]
                self.results.times[question.name] = {DUCKDB: self.results.times[same][DUCKDB]}

    def _time(self, postgres: PostgresSide, where: str, only: set[str] | None = None) -> None:
        self._progress(f"asking {where}")
        for question in questions():
            if only and question.name not in only:
                continue

            def ask(question: Question = question) -> Rows:
                return question.ask(postgres)

            # Also warms up.
            compare(question.name, where, ask(), self._answers[question.name])
            self._note(question, where, ask)

    def _note(self, question: Question, where: str, ask: Callable[[], object]) -> None:
        times = timed(ask, self._plan.runs, self._plan.seconds)
        self.results.times.setdefault(question.name, {})[where] = times


def _number(connection: psycopg.Connection, query: str) -> int:
    row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return int(row[0])
