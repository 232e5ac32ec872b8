"""One run: builds both sides, compares their answers, and measures them."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from time import perf_counter

import psycopg

from tests.bench.queries.answers import compare
from tests.bench.queries.build import Target, build
from tests.bench.queries.duck import Duck
from tests.bench.queries.exports import Exported, exports
from tests.bench.queries.generator import Generator
from tests.bench.queries.questions import Question, questions
from tests.bench.queries.stack import Service, Stores
from tests.bench.queries.timing import Times, timed
from tests.bench.queries.write_cost import WriteBench, WriteCost

# A weekday in the second half.
_WRITTEN_DAY = 60
_TABLE_BYTES = "SELECT sum(pg_table_size(relid)) FROM pg_partition_tree('enrich.events')"
_INDEX_BYTES = "SELECT sum(pg_indexes_size(relid)) FROM pg_partition_tree('enrich.events')"


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured."""

    events: int = 10_000_000
    runs: int = 20
    # Of one question to one side, after which no further run begins.
    seconds: float = 12.0
    write_rounds: int = 5


@dataclass(frozen=True, slots=True)
class Asked:
    """One question: how long the service took, from one in so many people; from all, if that was not all; and
    DuckDB."""

    weir: Times
    one_in: int
    exact: Times | None
    duckdb: Times


@dataclass(slots=True)
class Results:
    """All that a run found out."""

    events: int
    build_seconds: float = 0.0
    # By what holds them.
    bytes_of: dict[str, int] = field(default_factory=dict)
    asked: dict[str, Asked] = field(default_factory=dict)
    exports: dict[str, Exported] = field(default_factory=dict)
    write: dict[str, WriteCost] = field(default_factory=dict)


class QueryBench:
    """Works in `home`, which may hold what an earlier run with as many events has built."""

    def __init__(self, home: Path, plan: Plan, progress: Callable[[str], object]) -> None:
        self._home, self._plan, self._progress = home, plan, progress
        self._built = home / "built.json"
        self.results = Results(plan.events)

    def run(self) -> Results:
        """Raises WrongAnswerError as soon as an answer differs; ValueError if `home` was built with another
        number of events."""
        self._home.mkdir(parents=True, exist_ok=True)
        stores = Stores(self._home)
        try:
            target = Target(self._plan.events, stores.start(), self._home)
            self._build(target)
            self._ask_all(stores, target)
            self._progress("COPY with each set of indexes, in turn")
            with psycopg.connect(target.url, autocommit=True) as connection:
                bench = WriteBench(connection, Generator(self._plan.events), _WRITTEN_DAY)
                self.results.write = bench.measure(self._plan.write_rounds)
        finally:
            stores.stop()
        return self.results

    def _build(self, target: Target) -> None:
        if not self._built.exists():
            start = perf_counter()
            for day, total in enumerate(build(target)):
                if day % 10 == 0:
                    self._progress(f"{total:,} events after {perf_counter() - start:,.0f} s")
            seconds = perf_counter() - start
            self._built.write_text(json.dumps({"events": target.events, "seconds": seconds}))
        built = json.loads(self._built.read_text())
        if built["events"] != target.events:
            raise ValueError(f"{self._home} was built with {built['events']} events")
        self._progress(f"built in {built['seconds']:,.0f} s")
        self.results.build_seconds = built["seconds"]
        with psycopg.connect(target.url) as connection:
            self.results.bytes_of = {
                "rows": _number(connection, _TABLE_BYTES),
                "indexes": _number(connection, _INDEX_BYTES),
                "parquet": sum(file.stat().st_size for file in target.parquet.iterdir()),
            }

    def _ask_all(self, stores: Stores, target: Target) -> None:
        service, duck = stores.service(target.catalogs), Duck(target.parquet)
        try:
            for question in questions():
                self._progress(f"asking {question.name}")
                self.results.asked[question.name] = self._ask(question, service, duck)
            self._progress("exporting")
            self.results.exports = dict(exports(service, duck))
        finally:
            duck.close()
            service.stop()

    def _ask(self, question: Question, service: Service, duck: Duck) -> Asked:
        ask_duckdb = partial(duck.rows, question.statement, question.parameters)
        theirs = ask_duckdb()
        # Also warms up.
        answer = question.ask(service, False)
        compare(question.name, question.form, answer, theirs)
        weir = self._time(partial(question.ask, service, False), service.cpu_seconds)
        exact = None
        if answer.one_in > 1:
            compare(question.name, question.form, question.ask(service, True), theirs)
            exact = self._time(partial(question.ask, service, True), service.cpu_seconds)
        duckdb = self._time(ask_duckdb, duck.cpu_seconds)
        return Asked(weir, answer.one_in, exact, duckdb)

    def _time(self, ask: Callable[[], object], cpu_seconds: Callable[[], float]) -> Times:
        return timed(ask, cpu_seconds, self._plan.runs, self._plan.seconds)


def _number(connection: psycopg.Connection, query: str) -> int:
    row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return int(row[0])
