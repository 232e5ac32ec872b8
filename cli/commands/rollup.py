"""`weir rollup`: whether the numbers are what the stored events come to, and counting them again."""

import json
import time
from datetime import UTC
from functools import partial
from typing import Annotated, Any

import typer
from google.protobuf import json_format
from weir.aggregate.v1 import aggregate_service_pb2, aggregate_service_pb2_grpc, recount_pb2
from weir.aggregate.v1 import verify_pb2 as pb

from cli.moments import set_range, shown_moment
from cli.number_tables import shown, whole
from cli.options import AppId, AsCsv, AsJson, PeriodsFrom, PeriodsTo, RollupNames, check_format
from cli.suite_channel import calls_to
from cli.tables import Column, print_columns
from cli.verifying import exit_as_verified, summary_of
from cli.wording import count

app = typer.Typer(
    no_args_is_help=True, help="Check the numbers against the stored events, and count them again."
)

_LOOK_SECONDS = 1.0


@app.callback()
def main() -> None:
    """Check the numbers against the stored events, and count them again."""


@app.command()
def verify(
    app_id: AppId,
    rollup: RollupNames = None,
    start: PeriodsFrom = "",
    end: PeriodsTo = "",
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
    with calls_to("aggregate", aggregate_service_pb2_grpc.AggregateServiceStub, app_id) as stub:
        responses = stub.VerifyRollups(request, endless=True)
        summary = summary_of(responses, partial(_print, as_json=as_json))
    _print_summary(summary, as_json=as_json)
    exit_as_verified(different=summary.cells_different, unsettled=summary.cells_unsettled)


@app.command()
def backfill(
    app_id: AppId,
    rollup: RollupNames = None,
    start: PeriodsFrom = "",
    end: PeriodsTo = "",
    wait: Annotated[bool, typer.Option("--wait", help="Wait until all of it is counted.")] = False,
) -> None:
    """Count rollups again from the stored events, in the background, the newest first.

    Counting goes on meanwhile, and readers see the numbers of before until the new ones are complete.
    """
    request = recount_pb2.BackfillRollupsRequest(app_id=app_id, rollups=rollup or ())
    set_range(request, start, end)
    with calls_to("aggregate", aggregate_service_pb2_grpc.AggregateServiceStub, app_id) as stub:
        answer = stub.BackfillRollups(request)
        typer.echo(f"{count(answer.buckets_marked, 'bucket')} to count again")
        if answer.buckets_sealed:
            sealed = count(answer.buckets_sealed, "bucket")
            typer.echo(f"{sealed} left as before: events of them, or they, may have expired")
        if not wait:
            return
        wanted = frozenset(rollup or ())
        left, shown_left = _dirty(stub, app_id, wanted), -1
        while left:
            if left != shown_left:
                typer.echo(f"{count(left, 'bucket')} left", err=True)
                shown_left = left
            time.sleep(_LOOK_SECONDS)
            left = _dirty(stub, app_id, wanted)
        typer.echo("done")


@app.command("list")
def list_rollups(app_id: AppId, as_json: AsJson = False, as_csv: AsCsv = False) -> None:
    """List the rollups of an app, and how far their numbers can be relied on."""
    check_format(as_json=as_json, as_csv=as_csv)
    with calls_to("aggregate", aggregate_service_pb2_grpc.AggregateServiceStub, app_id) as stub:
        listed = stub.ListRollups(aggregate_service_pb2.ListRollupsRequest(app_id=app_id))
    if as_json:
        for one in listed.rollups:
            typer.echo(json.dumps(_plain(one)))
        return
    rows = [_plain(one) for one in listed.rollups]
    columns = [
        Column("Rollup", "rollup", [row["rollup"] for row in rows]),
        Column("Period", "period", [row["period"] for row in rows]),
        Column("To recount", "dirty_buckets", [str(row["dirty_buckets"]) for row in rows], True),
        Column("Final until", "final_until", [row["final_until"] for row in rows]),
        Column("Sealed before", "sealed_before", [row["sealed_before"] for row in rows]),
        Column("Kept from", "kept_from", [row["kept_from"] for row in rows]),
        Column("Kept (days)", "retention_days", [_days(row) for row in rows], is_number=True),
        Column("Dimensions", "dimensions", [", ".join(row["dimensions"]) for row in rows]),
        Column("Metrics", "metrics", [", ".join(row["metrics"]) for row in rows]),
    ]
    print_columns(columns, as_csv=as_csv, at_least=3)


def _days(row: dict[str, Any]) -> str | None:
    return None if row["retention_days"] is None else str(row["retention_days"])


def _dirty(stub: Any, app_id: str, wanted: frozenset[str]) -> int:
    listed = stub.ListRollups(aggregate_service_pb2.ListRollupsRequest(app_id=app_id))
    return sum(one.dirty_buckets for one in listed.rollups if not wanted or one.rollup in wanted)


def _plain(one: aggregate_service_pb2.RollupSummary) -> dict[str, Any]:
    return {
        "rollup": one.rollup,
        "period": aggregate_service_pb2.Period.Name(one.period).removeprefix("PERIOD_").lower(),
        "dimensions": list(one.dimensions),
        "metrics": list(one.metrics),
        "retention_days": one.retention_days or None,
        "dirty_buckets": one.dirty_buckets,
        "final_until": _moment(one, "final_until"),
        "sealed_before": _moment(one, "sealed_before"),
        "kept_from": _moment(one, "kept_from"),
    }


def _moment(one: aggregate_service_pb2.RollupSummary, field: str) -> str | None:
    if not one.HasField(field):
        return None
    return shown_moment(getattr(one, field).ToDatetime(tzinfo=UTC))


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
