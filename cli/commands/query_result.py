"""`weir query result`: what a job of a catalog wrote down of one period."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, time
from typing import Annotated, Any

import typer
from google.protobuf import json_format
from weir.aggregate.v1 import job_service_pb2 as pb
from weir.aggregate.v1 import job_service_pb2_grpc

from cli.moments import moment_of, shown_moment
from cli.number_tables import shown, whole
from cli.options import AppId, AsJson, check_format
from cli.reliability import completeness_word
from cli.suite_channel import calls_to
from cli.tables import Column, csv_text, print_table
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
    if as_json:
        typer.echo(json.dumps({**_head(first), "cells": cells}, indent=2))
    elif as_csv:
        typer.echo(csv_text(_columns(cells)), nl=False)
    else:
        head = _head(first)
        typer.echo(f"{head['period_start']} to {head['period_end']}, {head['completeness']}")
        if head["is_outdated"]:
            typer.echo(
                f"out of date; to write it again: {_command(app_id, job, first)}\n"
                "The next run of the job writes periods of the last 35 days again.",
                err=True,
            )
        if cells:
            print_table(_columns(cells), at_least=4, complete="--json has")


def _command(app_id: str, job: str, result: pb.GetJobResultResponse) -> str:
    """What writes the result of a period again: at its end it is the one that ended last."""
    end = result.period_end.ToDatetime()
    due = f"{end:%Y-%m-%d}" if end.time() == time() else f"{end:%Y-%m-%dT%H:%M}"
    name = job.removeprefix(f"aggregate.{app_id}.")
    return f"weir jobs run aggregate.{app_id}.{name} --due {due}"


def _columns(cells: Sequence[Mapping[str, Any]]) -> list[Column]:
    """A row for each number, because each kind of cell has others."""
    rows = [
        (cell["rollup"], cell["bucket_start"], json.dumps(cell["dimensions"]), name, shown(value))
        for cell in cells
        for name, value in cell["metrics"].items()
    ]
    titles = ("rollup", "from", "dimensions", "number", "value")
    return [
        Column(title, title, [row[place] for row in rows], is_number=title == "value")
        for place, title in enumerate(titles)
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
        "metrics": {name: whole(found.cell.metrics[name]) for name in sorted(found.cell.metrics)},
    }
