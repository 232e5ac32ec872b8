"""The tables that people read, and the one line of JSON that programs read."""

import json

from rich.console import Console
from rich.table import Table

from tests.bench.figures import rounded, text
from tests.bench.queries.questions import questions
from tests.bench.queries.run import DUCKDB, Results
from tests.bench.queries.timing import Times

# How much slower than DuckDB a question about behaviour may be.
_TIMES_DUCKDB = 5


def print_tables(console: Console, results: Results) -> None:
    """Times, sizes and what is paid where events are stored."""
    layouts = list(dict.fromkeys(where for times in results.times.values() for where in times))
    table = Table(title=f"{results.events:,} events: p50 / p95 / CPU in ms", title_justify="left")
    for column in ("question", *layouts, "target p95"):
        table.add_column(column)
    for question in questions():
        times = results.times[question.name]
        cells = [
            " / ".join(text(value) for value in _three(times[where])) if where in times else ""
            for where in layouts
        ]
        target = f"< {question.below_ms:,.0f}"
        if question.of_behaviour:
            target += f", p50 ≤ {_TIMES_DUCKDB} × {DUCKDB}"
        table.add_row(question.name, *cells, target)
    console.print(table)
    sizes = Table(title="bytes an event", title_justify="left")
    for column in ("rows", "parquet", *results.layout_bytes):
        sizes.add_column(column)
    all_bytes = (results.table_bytes, results.parquet_bytes, *results.layout_bytes.values())
    sizes.add_row(*(text(size / results.events) for size in all_bytes))
    console.print(sizes)
    write = Table(title="COPY into an empty day, in chunks", title_justify="left")
    for column in ("layout", *next(iter(results.write.values())).line()):
        write.add_column(column)
    for name, cost in results.write.items():
        write.add_row(name, *(text(value) for value in cost.line().values()))
    console.print(write)


def _three(times: Times) -> tuple[float, float, float]:
    return times.p50_ms, times.p95_ms, times.cpu_ms


def json_line(results: Results) -> str:
    """Everything, with keys of the names in the tables."""
    return json.dumps(
        {
            "events": results.events,
            "build_seconds": results.build_seconds and rounded(results.build_seconds),
            "questions": {
                name: {
                    where: dict(
                        zip(("p50_ms", "p95_ms", "cpu_ms"), map(rounded, _three(one)), strict=True)
                    )
                    for where, one in times.items()
                }
                for name, times in results.times.items()
            },
            "bytes_per_event": {
                "rows": rounded(results.table_bytes / results.events),
                "parquet": rounded(results.parquet_bytes / results.events),
                **{
                    name: rounded(size / results.events)
                    for name, size in results.layout_bytes.items()
                },
            },
            "copy": {name: cost.line() for name, cost in results.write.items()},
        }
    )
