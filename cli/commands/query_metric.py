"""`weir query metric`: a metric of the catalog, period by period."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Annotated, Any

import typer
from google.protobuf import json_format
from weir.aggregate.v1 import aggregate_service_pb2_grpc, metric_pb2, reliability_pb2

from cli.dimensions import dimensions_of
from cli.exits import fail
from cli.moments import set_range, shown_moment
from cli.number_tables import PROVISIONAL, PROVISIONAL_MARK, shown, whole
from cli.options import AppId, AsJson
from cli.suite_channel import calls_to
from cli.tables import Column, print_table
from libs.rpc.channels import pages

_PAGE_SIZE = 1_000


def metric_values(
    app_id: AppId,
    metric: Annotated[str, typer.Option(help="A metric of the app's catalog.")],
    subject: Annotated[str, typer.Option(help="Whose value; takes `numbers.person`.")] = "",
    by: Annotated[
        list[str] | None,
        typer.Option(
            metavar="DIMENSION=VALUE",
            help="Only values with it, as --where of `weir query rollup`.",
        ),
    ] = None,
    last: Annotated[
        str, typer.Option(metavar="DURATION", help="The time until now: 24h, 7d, 30d.")
    ] = "",
    start: Annotated[
        str,
        typer.Option(
            "--from", metavar="TIME", help="Periods from the one on that this time is in."
        ),
    ] = "",
    end: Annotated[
        str,
        typer.Option(
            "--to",
            metavar="TIME",
            help="Periods that begin before this time; a date is the whole day, to its end.",
        ),
    ] = "",
    total: Annotated[
        bool, typer.Option("--total", help="One value for the whole time, not one for each period.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show what a metric was, period by period.

    Metrics are declared in the catalog. Without a time: in the newest period that has ended.

    A period with a `*` is provisional: its time is not over, or events of it may still come.
    """
    request = metric_pb2.GetMetricRequest(
        app_id=app_id, metric=metric, subject_id=subject, total=total, page_size=_PAGE_SIZE
    )
    if last and (start or end):
        fail("--last and --from or --to: only one of them", 2)
    if last:
        request.time.last = last
    elif start or end:
        set_range(request.time.between, start, end)
    request.dimensions.update(dimensions_of(by or ()))
    with calls_to("aggregate", aggregate_service_pb2_grpc.AggregateServiceStub, app_id) as stub:
        answers = list(pages(stub.GetMetric, request))
    values = [_plain(value) for answer in answers for value in answer.values]
    if as_json:
        typer.echo(json.dumps({**_head(answers[0]), "values": values}, indent=2))
    elif not values:
        typer.echo("no values")
    else:
        _print(values, answers[0].sampling_rate)


def _print(values: Sequence[Mapping[str, Any]], sampling_rate: float) -> None:
    dimensions = sorted({name for value in values for name in value["dimensions"]})
    parts = sorted({name for value in values for name in value["breakdown"]})
    starts = [
        f"{PROVISIONAL_MARK} {value['period_start']}"
        if value["completeness"] == PROVISIONAL
        else value["period_start"]
        for value in values
    ]
    columns = [
        Column("from", "from", starts, is_number=True),
        *(
            Column(name, name, [shown(value["dimensions"].get(name)) for value in values])
            for name in dimensions
        ),
        Column("value", "value", [shown(value["value"]) for value in values], is_number=True),
        *(
            Column(
                name,
                name,
                [shown(value["breakdown"].get(name)) for value in values],
                is_number=True,
            )
            for name in parts
        ),
        Column(
            "data points",
            "data_points",
            [str(value["data_points"]) for value in values],
            is_number=True,
        ),
        Column("confidence", "confidence", [value["confidence"] for value in values]),
    ]
    print_table(columns, at_least=1 + len(dimensions) + 1, complete="--json has")
    if any(value["completeness"] == PROVISIONAL for value in values):
        typer.echo(f"{PROVISIONAL_MARK} provisional: events of it may still come", err=True)
    if sampling_rate < 1:
        typer.echo(f"of {100 * sampling_rate:g} % of the events: the others are not kept", err=True)


def _head(answer: metric_pb2.GetMetricResponse) -> dict[str, Any]:
    found = answer.reliability
    watermark = found.watermark.ToDatetime(tzinfo=UTC) if found.HasField("watermark") else None
    return {
        "completeness": _word(found.completeness),
        "watermark": shown_moment(watermark) or None,
        "calculated_at": shown_moment(found.calculated_at.ToDatetime(tzinfo=UTC)),
        "sampling_rate": answer.sampling_rate,
    }


def _plain(value: metric_pb2.MetricValue) -> dict[str, Any]:
    return {
        "period_start": shown_moment(value.period_start.ToDatetime(tzinfo=UTC)),
        "period_end": shown_moment(value.period_end.ToDatetime(tzinfo=UTC)),
        "dimensions": {
            name: whole(found)
            for name, found in json_format.MessageToDict(value.dimensions).items()
        },
        "value": whole(value.value) if value.HasField("value") else None,
        "breakdown": {name: whole(value.breakdown[name]) for name in sorted(value.breakdown)},
        "data_points": value.data_points,
        "confidence": metric_pb2.Confidence.Name(value.confidence)
        .removeprefix("CONFIDENCE_")
        .lower(),
        "completeness": _word(value.completeness),
    }


def _word(completeness: reliability_pb2.Completeness) -> str:
    return reliability_pb2.Completeness.Name(completeness).removeprefix("COMPLETENESS_").lower()
