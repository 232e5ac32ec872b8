"""Measures questions about stored events, beside DuckDB: `make bench-queries`, or
`python -m tests.bench.queries`."""

import argparse
import signal
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from tests.bench.queries.answers import WrongAnswerError
from tests.bench.queries.report import json_line, print_tables
from tests.bench.queries.run import Plan, QueryBench

QUICK = Plan(events=300_000, runs=3, seconds=1.0, write_rounds=1)


def main() -> int:
    """0 if everything was measured, whatever came out; 1 if an answer differs from DuckDB's."""
    options = _options()
    # So that the server is stopped and its folder removed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    progress = Console(stderr=True)
    plan = QUICK if options.quick else Plan(options.events, seconds=options.seconds)
    with tempfile.TemporaryDirectory(prefix="weir-bench-queries-") as folder:
        home = options.home or Path(folder)
        try:
            results = QueryBench(home, plan, lambda line: progress.print(line, markup=False)).run()
        except (WrongAnswerError, ValueError) as error:
            progress.print(str(error), style="bold red", markup=False)
            return 1
    console = Console()
    print_tables(console if console.is_terminal else Console(width=140), results)
    print(json_line(results))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.queries", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="300,000 events, to try the harness")
    parser.add_argument("--events", type=int, default=Plan().events, help="how many are made")
    parser.add_argument(
        "--seconds",
        type=float,
        default=Plan().seconds,
        help="after which a question is not asked again",
    )
    parser.add_argument(
        "--home", type=Path, help="where to build, and to find what was built before; else removed"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
