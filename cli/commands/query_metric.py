"""`weir query metric`: a metric of the catalog, period by period."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Annotated, Any

import typer
from google.protobuf import json_format
from weir.aggregate.v1 import aggregate_service_pb2_grpc, metric_pb2

from cli.commands.event_choice import time_frame
from cli.dimensions import dimensions_of
from cli.moments import shown_moment
from cli.number_tables import (
    PROVISIONAL,
    PROVISIONAL_MARK,
    inner_columns,
    shown,
    whole,
    with_completeness,
)
from cli.options import AppId, AsCsv, AsJson, Last, PeriodsFrom, PeriodsTo, check_format
from cli.reliability import completeness_word, plain_cut, reliability_head, say_cut
from cli.suite_channel import calls_to
from cli.tables import Column, print_columns
from libs.rpc.channels import pages

_PAGE_SIZE = 1_000


def metric_values(
    app_id: AppId,
    metric: Annotated[str, typer.Option(help="A metric of the app's catalog.")],
    subject: Annotated[str, typer.Option(help="Whose value; takes `numbers.person`.")] = "",
    where: Annotated[
        list[str] | None,
        typer.Option(
            metavar="DIMENSION=VALUE",
            help="Only values with it, as in `weir query rollup`; may be repeated.",
        ),
    ] = None,
    last: Last = "",
    start: PeriodsFrom = "",
    end: PeriodsTo = "",
    total: Annotated[
        bool, typer.Option("--total", help="One value for the whole time, not one for each period.")
    ] = False,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Show what a metric was, period by period.

    Metrics are declared in the catalog. Without a time: in the newest period that has ended.

    A period with a `*` is provisional: its time is not over, or events of it may still come.
    """
    check_format(as_json=as_json, as_csv=as_csv)
    request = metric_pb2.GetMetricRequest(
        app_id=app_id,
        metric=metric,
        subject_id=subject,
        time=time_frame(last, start, end),
        total=total,
        page_size=_PAGE_SIZE,
    )
    request.dimensions.update(dimensions_of(where or ()))
    with calls_to("aggregate", aggregate_service_pb2_grpc.AggregateServiceStub, app_id) as stub:
        answers = list(pages(stub.GetMetric, request))
    values = [_plain(value) for answer in answers for value in answer.values]
    if not as_json:
        say_cut(answer.reliability for answer in answers)
    if as_json:
        typer.echo(json.dumps({**_head(answers[0]), "values": values}, indent=2))
    elif not values and not as_csv:
        typer.echo("no values")
    else:
        dimensions = inner_columns(values, "dimensions")
        columns = with_completeness(_columns(values, dimensions), values)
        print_columns(columns, as_csv=as_csv, at_least=1 + len(dimensions) + 1)
        if not as_csv:
            _say_limits(values, answers[0].sampling_rate)


def _say_limits(values: Sequence[Mapping[str, Any]], sampling_rate: float) -> None:
    if any(value["completeness"] == PROVISIONAL for value in values):
        typer.echo(f"{PROVISIONAL_MARK} provisional: events of it may still come", err=True)
    if sampling_rate < 1:
        typer.echo(f"of {100 * sampling_rate:g} % of the events: the others are not kept", err=True)


def _columns(values: Sequence[Mapping[str, Any]], dimensions: Sequence[Column]) -> list[Column]:
    """Period, dimensions, value, what it is made of, and how far it can be relied on."""
    amounts = [None if value["value"] is None else shown(value["value"]) for value in values]
    points = [str(value["data_points"]) for value in values]
    return [
        Column("from", "from", [value["period_start"] for value in values], is_number=True),
        *dimensions,
        Column("value", "value", amounts, is_number=True),
        *inner_columns(values, "breakdown", is_number=True),
        Column("data points", "data_points", points, is_number=True),
        Column("confidence", "confidence", [value["confidence"] for value in values]),
    ]


def _head(answer: metric_pb2.GetMetricResponse) -> dict[str, Any]:
    return {
        **reliability_head(answer.reliability),
        "cut": plain_cut(answer.reliability),
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
        "completeness": completeness_word(value.completeness),
    }
