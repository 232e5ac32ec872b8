"""`weir rollup`: whether the numbers are what the stored events come to."""

import json
from datetime import UTC
from typing import Annotated, Any

import typer
from google.protobuf import json_format
from weir.aggregate.v1 import aggregate_service_pb2_grpc
from weir.aggregate.v1 import verify_pb2 as pb

from cli.exits import fail
from cli.moments import set_range, shown_moment
from cli.number_tables import shown, whole
from cli.options import AppId, AsJson
from cli.suite_channel import calls_to
from cli.wording import count

app = typer.Typer(no_args_is_help=True, help="Check the numbers against the stored events.")

# Some cells differ, or differ while events are on their way: verify again.
DIFFERENT, UNSETTLED = 1, 3


@app.callback()
def main() -> None:
    """Check the numbers against the stored events."""


@app.command()
def verify(
    app_id: AppId,
    rollup: Annotated[
        list[str] | None, typer.Option(help="Only this rollup; may be repeated.")
    ] = None,
    start: Annotated[
        str,
        typer.Option(
            "--from", metavar="TIME", help="From the bucket on that this time is in. ISO 8601, UTC."
        ),
    ] = "",
    end: Annotated[
        str,
        typer.Option(
            "--to",
            metavar="TIME",
            help="Buckets that begin before this time; a date is the whole day, to its end.",
        ),
    ] = "",
    wait: Annotated[
        int,
        typer.Option(
            min=0,
            max=600,
            metavar="SECONDS",
            help="How long to wait for stored events that are not counted yet, if cells differ.",
        ),
    ] = 30,
    as_json: AsJson = False,
) -> None:
    """Recount rollups from the stored events, and print what differs.

    Exit code 1 if cells differ, 3 if they differ while events are still being counted.

    The last line says how many cells were compared and how many differ.
    """
    request = pb.VerifyRollupsRequest(app_id=app_id, rollups=rollup or (), wait_seconds=wait)
    set_range(request, start, end)
    summary = None
    with calls_to("aggregate", aggregate_service_pb2_grpc.AggregateServiceStub, app_id) as stub:
        for response in stub.VerifyRollups(request, endless=True):
            if response.WhichOneof("result") == "summary":
                summary = response.summary
            else:
                _print(response.difference, as_json=as_json)
    if summary is None:
        fail("the verification has no end: run it again")
    _print_summary(summary, as_json=as_json)
    if summary.cells_different:
        raise typer.Exit(DIFFERENT)
    if summary.cells_unsettled:
        raise typer.Exit(UNSETTLED)


def _print(difference: pb.VerifyDifference, *, as_json: bool) -> None:
    part = pb.MeasurePart.Name(difference.part).removeprefix("MEASURE_PART_").lower()
    found: dict[str, Any] = {
        "rollup": difference.rollup,
        "bucket_start": shown_moment(difference.bucket_start.ToDatetime(tzinfo=UTC)),
        "dimensions": {
            name: whole(value)
            # Sorted: messages keep names in no order.
            for name, value in sorted(json_format.MessageToDict(difference.dimensions).items())
        },
        "metric": difference.metric,
        "part": part,
        "counted": whole(difference.counted) if difference.HasField("counted") else None,
        "recounted": whole(difference.recounted) if difference.HasField("recounted") else None,
    }
    if as_json:
        typer.echo(json.dumps(found))
        return
    dimensions = "  ".join(f"{name}={shown(value)}" for name, value in found["dimensions"].items())
    typer.echo(
        f"{found['bucket_start']}  {found['rollup']}  {dimensions}{'  ' if dimensions else ''}"
        f"{found['metric']} ({part}): counted {shown(found['counted'], missing='nothing')}, "
        f"recounted {shown(found['recounted'], missing='nothing')}"
    )


def _print_summary(summary: pb.VerifySummary, *, as_json: bool) -> None:
    if as_json:
        names = ("cells_compared", "cells_different", "cells_sealed", "cells_unsettled")
        typer.echo(json.dumps({name: getattr(summary, name) for name in names}))
        return
    if summary.cells_sealed:
        sealed = count(summary.cells_sealed, "cell")
        typer.echo(f"{sealed} with fewer events than were counted: some may have expired")
    if summary.cells_unsettled:
        unsettled = count(summary.cells_unsettled, "cell")
        typer.echo(f"{unsettled} may differ: stored events are still being counted")
    compared = count(summary.cells_compared, "cell")
    typer.echo(f"{compared} compared, {summary.cells_different:,} differ")
