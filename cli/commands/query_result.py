"""`weir query result`: what a job of a catalog wrote down of one period."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, time
from itertools import groupby
from typing import Annotated, Any

import typer
from google.protobuf import json_format
from weir.aggregate.v1 import job_service_pb2 as pb
from weir.aggregate.v1 import job_service_pb2_grpc

from cli.moments import moment_of, shown_moment
from cli.number_tables import cell_columns, inner_columns, parts_last, shown, whole
from cli.options import AppId, AsJson, check_format
from cli.reliability import completeness_word, say_cut
from cli.suite_channel import calls_to
from cli.tables import Column, print_columns
from libs.rpc.channels import pages

_PAGE_SIZE = 5_000


def job_result(
    app_id: AppId,
    job: Annotated[
        str,
        typer.Option(
            help="A job of the app's catalog, such as daily_metrics, or its name in `weir jobs list`."
        ),
    ],
    period: Annotated[
        str,
        typer.Option(metavar="TIME", help="A time of the period. Default: the newest result."),
    ] = "",
    as_json: AsJson = False,
    as_csv: Annotated[
        bool, typer.Option("--csv", help="Print CSV, with a row for each cell and number.")
    ] = False,
) -> None:
    """Show what a job of the catalog wrote down of a period.

    A result with numbers of single people takes `numbers.person`.
    """
    check_format(as_json=as_json, as_csv=as_csv)
    request = pb.GetJobResultRequest(app_id=app_id, job=job, page_size=_PAGE_SIZE)
    if period:
        request.period.FromDatetime(moment_of("--period", period))
    with calls_to("aggregate", job_service_pb2_grpc.JobServiceStub, app_id) as stub:
        answers = list(pages(stub.GetJobResult, request))
    first = answers[0]
    cells = [_plain(cell) for answer in answers for cell in answer.cells]
    if not as_json:
        say_cut(answer.reliability for answer in answers)
    if as_json:
        typer.echo(json.dumps({**_head(first), "cells": cells}, indent=2))
    elif as_csv:
        print_columns(_number_columns(cells), as_csv=True, at_least=1)
    else:
        head = _head(first)
        typer.echo(f"{head['period_start']} to {head['period_end']}, {head['completeness']}")
        if head["is_outdated"]:
            typer.echo(
                f"out of date; to write it again: {_command(app_id, job, first)}\n"
                "The next run of the job writes periods of the last 35 days again.",
                err=True,
            )
        for rollup, found in groupby(cells, lambda cell: cell["rollup"]):
            _print_table(rollup, list(found))


def _command(app_id: str, job: str, result: pb.GetJobResultResponse) -> str:
    """What writes the result of a period again: at its end it is the one that ended last."""
    end = result.period_end.ToDatetime()
    due = f"{end:%Y-%m-%d}" if end.time() == time() else f"{end:%Y-%m-%dT%H:%M}"
    name = job.removeprefix(f"aggregate.{app_id}.")
    return f"weir jobs run aggregate.{app_id}.{name} --due {due}"


def _print_table(rollup: str, cells: Sequence[Mapping[str, Any]]) -> None:
    """A row for each cell of a rollup, or of the metrics, whose rollup is empty; of a single cell without
    dimensions a row for each number."""
    typer.echo(f"\n{rollup or 'metrics'}")
    [first, *others] = cells
    if others or first["dimensions"]:
        print_columns(cell_columns(cells), as_csv=False, at_least=1)
    else:
        print_columns(_number_columns(cells)[1:], as_csv=False, at_least=3)


def _number_columns(cells: Sequence[Mapping[str, Any]]) -> list[Column]:
    """A row for each number, because each kind of cell has others."""
    rows = [(cell, name, value) for cell in cells for name, value in cell["metrics"].items()]
    found = [cell for cell, *_ in rows]
    return [
        Column("rollup", "rollup", [cell["rollup"] for cell in found]),
        Column("from", "from", [cell["bucket_start"] for cell in found], is_number=True),
        *inner_columns(found, "dimensions"),
        Column("number", "number", [name for _, name, _ in rows]),
        Column("value", "value", [shown(value) for *_, value in rows], is_number=True),
    ]


def _head(answer: pb.GetJobResultResponse) -> dict[str, Any]:
    found = answer.reliability
    return {
        "period_start": shown_moment(answer.period_start.ToDatetime(tzinfo=UTC)),
        "period_end": shown_moment(answer.period_end.ToDatetime(tzinfo=UTC)),
        "completeness": completeness_word(found.completeness),
        "calculated_at": shown_moment(found.calculated_at.ToDatetime(tzinfo=UTC)),
        "revision": answer.revision,
        "is_outdated": answer.is_outdated,
    }


def _plain(found: pb.ResultCell) -> dict[str, Any]:
    dimensions = json_format.MessageToDict(found.cell.dimensions)
    return {
        "rollup": found.rollup,
        "bucket_start": shown_moment(found.cell.bucket_start.ToDatetime(tzinfo=UTC)),
        "dimensions": {name: whole(value) for name, value in dimensions.items()},
        "metrics": {
            name: whole(found.cell.metrics[name])
            for name in sorted(found.cell.metrics, key=parts_last)
        },
    }
