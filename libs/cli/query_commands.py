"""`weir query`: read the numbers, ask who came back, watch them change."""

import json
from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

import typer
from google.protobuf import json_format
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table
from weir.aggregate.v1 import aggregate_service_pb2 as pb
from weir.aggregate.v1 import aggregate_service_pb2_grpc

from libs.cli.connect import AppId, AsJson, calls_to, fail, pages

app = typer.Typer(no_args_is_help=True, help="Read the numbers; watch them change.")

_PAGE_SIZE = 5_000
# As many periods as fit beside each other on a terminal.
_SHOWN_PERIODS = 15

From = Annotated[
    str, typer.Option("--from", metavar="TIME", help="First moment, ISO 8601; UTC if it says none.")
]
To = Annotated[str, typer.Option("--to", metavar="TIME", help="First moment no longer wanted.")]
# Of cohorts: each is told whole, so that its numbers do not depend on the range.
FirstSeenFrom = Annotated[
    str, typer.Option("--from", metavar="TIME", help="Only people first seen from here on.")
]
FirstSeenTo = Annotated[
    str,
    typer.Option(
        "--to",
        metavar="TIME",
        help="Only people first seen before here, however late they came back.",
    ),
]


class CohortPeriod(StrEnum):
    """How long a cohort's period is."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@app.command()
def metric(
    app_id: AppId,
    rollup: Annotated[str, typer.Option(help="A rollup of the app's catalog.")],
    start: From = "",
    end: To = "",
    where: Annotated[
        list[str] | None,
        typer.Option(
            metavar="DIMENSION=VALUE",
            help="Only such cells; may be repeated. Without a value: cells that have none.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show the cells of one rollup."""
    request = pb.QueryMetricRequest(app_id=app_id, rollup=rollup, page_size=_PAGE_SIZE)
    _set_range(request, start, end)
    for condition in where or ():
        name, equals, value = condition.partition("=")
        if not equals:
            fail(f"--where {condition}: must be dimension=value", 2)
        request.dimensions[name] = value or None
    with _aggregate() as stub:
        cells = [_cell(cell) for page in pages(stub.QueryMetric, request) for cell in page.cells]
    if as_json:
        typer.echo(json.dumps({"cells": cells}, indent=2))
        return
    _print_cells(cells)


@app.command()
def retention(
    app_id: AppId,
    period: Annotated[CohortPeriod, typer.Option(help="How people are grouped.")],
    start: FirstSeenFrom = "",
    end: FirstSeenTo = "",
    as_json: AsJson = False,
) -> None:
    """Show how many of the people first seen in a period came back in each later one."""
    number = pb.Period.Value(f"PERIOD_{period.name}")
    request = pb.QueryRetentionRequest(app_id=app_id, period=number)
    _set_range(request, start, end)
    with _aggregate() as stub:
        found = [one for page in pages(stub.QueryRetention, request) for one in page.cohorts]
    cohorts = [
        {
            "start": cohort.start.ToDatetime(tzinfo=UTC).date().isoformat(),
            "size": cohort.size,
            "active": list(cohort.active),
        }
        for cohort in found
    ]
    if as_json:
        typer.echo(json.dumps({"cohorts": cohorts}))
        return
    _print_cohorts(cohorts, period)


@app.command()
def watch(
    app_id: AppId,
    rollup: Annotated[
        list[str] | None, typer.Option(help="Only this rollup; may be repeated.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Print the numbers of the current buckets, and every change until interrupted."""
    request = pb.WatchMetricsRequest(app_id=app_id, rollups=rollup or ())
    with _aggregate() as stub:
        for response in stub.WatchMetrics(request, timeout=None):
            for watched in response.cells:
                cell = _cell(watched.cell)
                if as_json:
                    typer.echo(json.dumps({"rollup": watched.rollup, **cell}))
                else:
                    words = {**cell["dimensions"], **cell["metrics"]}
                    text = "  ".join(f"{name}={_shown(value)}" for name, value in words.items())
                    typer.echo(f"{cell['bucket_start']}  {watched.rollup}  {text}")


def _aggregate() -> AbstractContextManager[Any]:
    return calls_to("aggregate", aggregate_service_pb2_grpc.AggregateServiceStub)


def _set_range(request: Any, start: str, end: str) -> None:
    for field, option, text in (("from", "--from", start), ("to", "--to", end)):
        if not text:
            continue
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            fail(f"{option} {text}: must be a date or time as in 2026-04-27 or 2026-04-27T10:00", 2)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        getattr(request, field).FromDatetime(moment.astimezone(UTC).replace(tzinfo=None))


def _cell(cell: pb.Cell) -> dict[str, Any]:
    return {
        "bucket_start": f"{cell.bucket_start.ToDatetime(tzinfo=UTC):%Y-%m-%dT%H:%M:%SZ}",
        "dimensions": {
            name: _whole(value)
            for name, value in json_format.MessageToDict(cell.dimensions).items()
        },
        "metrics": {name: _whole(cell.metrics[name]) for name in sorted(cell.metrics)},
    }


def _whole(value: Any) -> Any:
    """Protobuf has doubles only; 3 reads better than 3.0."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _print_cells(cells: list[dict[str, Any]]) -> None:
    dimensions = list(dict.fromkeys(name for cell in cells for name in cell["dimensions"]))
    metrics = sorted({name for cell in cells for name in cell["metrics"]})
    if not cells:
        typer.echo("no cells")
        return
    numbers = [Column(escape(name), justify="right") for name in metrics]
    table = Table(Column("from", no_wrap=True), *map(escape, dimensions), *numbers)
    for cell in cells:
        table.add_row(
            cell["bucket_start"],
            *(escape(_shown(cell["dimensions"].get(name))) for name in dimensions),
            *(_shown(cell["metrics"].get(name)) for name in metrics),
        )
    Console().print(table)


def _print_cohorts(cohorts: list[dict[str, Any]], period: CohortPeriod) -> None:
    if not cohorts:
        typer.echo("nobody was active")
        return
    # A column takes about seven characters, the first two about twenty-four.
    fitting = max(1, (Console().width - 24) // 7)
    shown = min(_SHOWN_PERIODS, fitting, max(len(cohort["active"]) for cohort in cohorts))
    titles = [f"+{k}" for k in range(1, shown)]
    table = Table(
        Column(f"first seen ({period})", no_wrap=True),
        *(Column(title, justify="right", no_wrap=True) for title in ("people", *titles)),
    )
    for cohort in cohorts:
        later = (str(people) for people in cohort["active"][1:shown])
        table.add_row(cohort["start"], str(cohort["size"]), *later)
    Console().print(table)


def _shown(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.10g}"
    if isinstance(value, Mapping | list):
        return json.dumps(value)
    return str(value)
