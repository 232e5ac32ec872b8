"""The tables that people read, and the one line of JSON that programs read."""

import json

from rich.console import Console
from rich.table import Table

from tests.bench.figures import rounded, text
from tests.bench.queries.exports import Exported
from tests.bench.queries.questions import Question, questions
from tests.bench.queries.run import Asked, Results
from tests.bench.queries.timing import Times

# How much slower than DuckDB a question about behaviour may be.
_TIMES_DUCKDB = 5
_ROWS_PER_S = 50_000


def print_tables(console: Console, results: Results) -> None:
    """Times, exports, sizes, and what is paid where events are stored."""
    table = Table(title=f"{results.events:,} events: p50 / p95 / CPU in ms", title_justify="left")
    for column in ("question", "weir", "people", "weir, of all people", "duckdb", "target", "met"):
        table.add_column(column)
    for question in questions():
        asked = results.asked[question.name]
        people = "all" if asked.one_in == 1 else f"1 in {asked.one_in}"
        exact = "" if asked.exact is None else _times(asked.exact)
        table.add_row(
            question.name,
            _times(asked.weir),
            people,
            exact,
            _times(asked.duckdb),
            *_target(question, asked),
        )
    console.print(table)
    exported = Table(
        title=f"exports (target: {_ROWS_PER_S:,} rows/s in flat memory)", title_justify="left"
    )
    for column in ("file", *_export_line(next(iter(results.exports.values())))):
        exported.add_column(column)
    for name, one in results.exports.items():
        exported.add_row(name, *map(text, _export_line(one).values()))
    console.print(exported)
    sizes = Table(title="bytes an event", title_justify="left")
    for name in results.bytes_of:
        sizes.add_column(name)
    sizes.add_row(*(text(size / results.events) for size in results.bytes_of.values()))
    console.print(sizes)
    write = Table(title="COPY into an empty day, in chunks", title_justify="left")
    for column in ("indexes", *next(iter(results.write.values())).line()):
        write.add_column(column)
    for name, cost in results.write.items():
        write.add_row(name, *map(text, cost.line().values()))
    console.print(write)
    console.print(f"built in {results.build_seconds:,.0f} s")


def json_line(results: Results) -> str:
    """Everything, with keys of the names in the tables."""
    return json.dumps(
        {
            "events": results.events,
            "build_seconds": rounded(results.build_seconds),
            "questions": {
                name: {
                    "weir": _times_line(asked.weir),
                    "one_in": asked.one_in,
                    **({} if asked.exact is None else {"weir_exact": _times_line(asked.exact)}),
                    "duckdb": _times_line(asked.duckdb),
                }
                for name, asked in results.asked.items()
            },
            "exports": {
                name: {key: rounded(value) for key, value in _export_line(one).items()}
                for name, one in results.exports.items()
            },
            "bytes_per_event": {
                name: rounded(size / results.events) for name, size in results.bytes_of.items()
            },
            "copy": {name: cost.line() for name, cost in results.write.items()},
        }
    )


def _target(question: Question, asked: Asked) -> tuple[str, str]:
    """What a question should take, and whether it does."""
    if question.below_ms is None:
        return "", ""
    target = f"p95 < {question.below_ms:,.0f}"
    is_met = asked.weir.p95_ms < question.below_ms
    if question.is_behaviour:
        target += f", p50 ≤ {_TIMES_DUCKDB} × duckdb"
        is_met = is_met and asked.weir.p50_ms <= _TIMES_DUCKDB * asked.duckdb.p50_ms
    return target, "yes" if is_met else "no"


def _times(times: Times) -> str:
    return " / ".join(map(text, (times.p50_ms, times.p95_ms, times.cpu_ms)))


def _times_line(times: Times) -> dict[str, float]:
    return {
        "p50_ms": rounded(times.p50_ms),
        "p95_ms": rounded(times.p95_ms),
        "cpu_ms": rounded(times.cpu_ms),
        "runs": times.runs,
    }


def _export_line(one: Exported) -> dict[str, float]:
    return {
        "rows_per_s": one.rows_per_s,
        "cpu_us_per_row": one.cpu_seconds / one.rows * 1e6,
        "idle_mb": one.idle_mb,
        "begun_mb": one.begun_mb,
        "most_mb": one.most_mb,
    }
