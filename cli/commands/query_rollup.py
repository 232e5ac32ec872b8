"""`weir query rollup` and `weir query watch`: read the numbers, watch them change."""

import json
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

import typer
from google.protobuf import json_format
from weir.aggregate.v1 import aggregate_service_pb2 as pb
from weir.aggregate.v1 import aggregate_service_pb2_grpc

from cli.charts import MISSING
from cli.dimensions import dimensions_of, labelled, text_advice
from cli.exits import fail
from cli.moments import set_time, shown_moment
from cli.number_tables import (
    CELL_COLUMNS_AT_LEAST,
    PROVISIONAL,
    PROVISIONAL_MARK,
    cell_columns,
    whole,
    with_completeness,
)
from cli.options import (
    AppId,
    AsCsv,
    AsJson,
    Last,
    PeriodsFrom,
    PeriodsTo,
    RollupNames,
    check_format,
)
from cli.reliability import completeness_word, plain_cut, reliability_head, say_cut
from cli.sparkline_table import sparkline_table
from cli.stored_aggregates import PERIOD_TYPES, stored_aggregate
from cli.suite_channel import calls_to
from cli.tables import print_columns, print_table
from cli.watched_cells import is_past, watched_line
from cli.wording import count
from libs.rpc.channels import pages

_PAGE_SIZE = 5_000


class Shape(StrEnum):
    """Other shapes of JSON."""

    DOCUMENT = "document"


def rollup_cells(
    app_id: AppId,
    rollup: Annotated[str, typer.Option(help="A rollup of the app's catalog.")],
    last: Last = "",
    start: PeriodsFrom = "",
    end: PeriodsTo = "",
    where: Annotated[
        list[str] | None,
        typer.Option(
            metavar="DIMENSION=VALUE",
            help="Only such cells; may be repeated. `level=5` finds the number, `level='\"5\"'` the text; "
            "what is no JSON is a text. Without a value: cells that have none.",
        ),
    ] = None,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
    shape: Annotated[
        Shape | None,
        typer.Option(
            help="JSON of another shape. `document`: aggregate_type, period_type, period_start and "
            "period_end as dates, the last one included, dimensions, metrics, computed_at."
        ),
    ] = None,
    labels: Annotated[
        bool,
        typer.Option(
            "--labels",
            help="Show the catalog's names in place of dimension values; with --json beside them.",
        ),
    ] = False,
    sparklines: Annotated[
        bool,
        typer.Option("--sparkline", help="Draw each metric over time, a row for all buckets."),
    ] = False,
) -> None:
    """Show the cells of one rollup.

    A cell is one bucket of the rollup's period. One with a `*` is provisional: its time is not over,
    or events of it may still come.

    In UTC, a day begins at midnight, a week on Monday, a month on the first.
    """
    check_format(as_json=as_json, as_csv=as_csv)
    if shape is not None and as_csv:
        fail("--shape and --csv: only one of them", 2)
    if sparklines and (as_json or as_csv or shape is not None):
        fail("--sparkline: not together with --json, --csv or --shape", 2)
    request = pb.QueryRollupRequest(app_id=app_id, rollup=rollup, page_size=_PAGE_SIZE)
    set_time(request, last, start, end)
    request.dimensions.update(dimensions_of(where or ()))
    with _aggregate(app_id) as stub:
        answers = list(pages(stub.QueryRollup, request))
    cells = [_cell(cell) for answer in answers for cell in answer.cells]
    if not as_json:
        say_cut(answer.reliability for answer in answers)
    words = json_format.MessageToDict(answers[0])["labels"] if labels and answers[0].labels else {}
    if labels and not as_json and shape is None:
        cells = [labelled(cell, words) for cell in cells]
    if shape is not None:
        _print_aggregates(answers[0], rollup, cells)
    elif as_json:
        # Of the first page: what it promises holds for those that were read later.
        shown_labels = {"labels": words} if labels else {}
        found = answers[0].reliability
        head = {**reliability_head(found), "cut": plain_cut(found)}
        answer = {**head, **shown_labels, "cells": cells}
        typer.echo(json.dumps(answer, indent=2))
    elif not cells and not as_csv:
        typer.echo("no cells" + text_advice(where or ()))
    elif sparklines:
        _print_sparklines(cells, answers[0])
    else:
        columns = with_completeness(cell_columns(cells), cells)
        print_columns(columns, as_csv=as_csv, at_least=CELL_COLUMNS_AT_LEAST)
        if not as_csv and any(cell["completeness"] == PROVISIONAL for cell in cells):
            _say_provisional(answers[0])


def watch(
    app_id: AppId,
    rollup: RollupNames = None,
    as_json: AsJson = False,
) -> None:
    """Print the numbers of the current buckets, and every change until interrupted.

    Late events and recounts change past buckets too; these are printed as such.
    """
    request = pb.WatchRollupsRequest(app_id=app_id, rollups=rollup or ())
    with _aggregate(app_id) as stub:
        listed = stub.ListRollups(pb.ListRollupsRequest(app_id=app_id)).rollups
        periods = {one.rollup: _period(one) for one in listed}
        for response in stub.WatchRollups(request, endless=True):
            for watched in response.cells:
                cell = _cell(watched.cell)
                start = watched.cell.bucket_start.ToDatetime(tzinfo=UTC)
                # Empty of a rollup that was declared after the watch began.
                period = periods.get(watched.rollup, "")
                past = period if period and is_past(start, period, datetime.now(UTC)) else ""
                if as_json:
                    state = {"rollup": watched.rollup, "is_past": bool(past)}
                    typer.echo(json.dumps({**state, **cell}))
                else:
                    typer.echo(watched_line(watched.rollup, cell, past))


def _aggregate(app_id: str) -> AbstractContextManager[Any]:
    return calls_to("aggregate", aggregate_service_pb2_grpc.AggregateServiceStub, app_id)


def _say_provisional(answer: pb.QueryRollupResponse, also: str = "") -> None:
    """What the mark means; `also` says of which other buckets this holds."""
    known = answer.reliability.HasField("watermark")
    why = f"events of it{also} may still come" if known else "how much is counted is not known"
    typer.echo(f"{PROVISIONAL_MARK} provisional: {why}", err=True)


def _print_sparklines(cells: Sequence[Mapping[str, Any]], answer: pb.QueryRollupResponse) -> None:
    period = _period(answer)
    table = sparkline_table(cells, period)
    print_table(table.columns, at_least=1)
    buckets = count(table.shown, period)
    older = f"; {count(table.left_out, f'older {period}')} left out" if table.left_out else ""
    gaps = f", {MISSING} for no value" if table.has_gaps else ""
    typer.echo(
        f"{buckets} from {table.first} to {table.last}, a character each{gaps}{older}", err=True
    )
    if table.is_marked:
        others = table.also_provisional
        _say_provisional(answer, f", and of {count(others, f'other {period}')}," if others else "")


def _print_aggregates(
    answer: pb.QueryRollupResponse, rollup: str, cells: Sequence[Mapping[str, Any]]
) -> None:
    period = _period(answer)
    if period not in PERIOD_TYPES:
        fail(f"--shape document: has dates, and {rollup} is by {period}", 2)
    computed_at = reliability_head(answer.reliability)["calculated_at"]
    aggregates = [stored_aggregate(cell, rollup, period, computed_at) for cell in cells]
    typer.echo(json.dumps({"aggregates": aggregates}, indent=2))


def _period(answer: pb.QueryRollupResponse | pb.RollupSummary) -> str:
    return pb.Period.Name(answer.period).removeprefix("PERIOD_").lower()


def _cell(cell: pb.Cell) -> dict[str, Any]:
    return {
        "bucket_start": shown_moment(cell.bucket_start.ToDatetime(tzinfo=UTC)),
        # A watched cell says neither.
        **(
            {
                "bucket_end": shown_moment(cell.bucket_end.ToDatetime(tzinfo=UTC)),
                "completeness": completeness_word(cell.completeness),
            }
            if cell.HasField("bucket_end")
            else {}
        ),
        "dimensions": {
            name: whole(value) for name, value in json_format.MessageToDict(cell.dimensions).items()
        },
        "metrics": {name: whole(cell.metrics[name]) for name in sorted(cell.metrics)},
    }
