"""`weir query metric`: a metric of the catalog, period by period."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Annotated, Any

import typer
from google.protobuf import json_format
from weir.aggregate.v1 import aggregate_service_pb2_grpc, metric_pb2

from cli.dimensions import dimensions_of
from cli.exits import fail
from cli.moments import set_range, shown_moment
from cli.number_tables import (
    PROVISIONAL,
    PROVISIONAL_MARK,
    completeness_column,
    marked_buckets,
    shown,
    whole,
)
from cli.options import AppId, AsCsv, AsJson, PeriodsFrom, PeriodsTo, check_format
from cli.reliability import completeness_word, reliability_head
from cli.suite_channel import calls_to
from cli.tables import Column, csv_text, print_table
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
    elif as_csv:
        columns = [*_columns(values, missing=""), completeness_column(values)]
        typer.echo(csv_text(columns), nl=False)
    elif not values:
        typer.echo("no values")
    else:
        _print(values, answers[0].sampling_rate)


def _print(values: Sequence[Mapping[str, Any]], sampling_rate: float) -> None:
    columns = _columns(marked_buckets(values, "period_start"), missing="-")
    dimensions = {name for value in values for name in value["dimensions"]}
    print_table(columns, at_least=1 + len(dimensions) + 1, complete="--json and --csv have")
    if any(value["completeness"] == PROVISIONAL for value in values):
        typer.echo(f"{PROVISIONAL_MARK} provisional: events of it may still come", err=True)
    if sampling_rate < 1:
        typer.echo(f"of {100 * sampling_rate:g} % of the events: the others are not kept", err=True)


def _columns(values: Sequence[Mapping[str, Any]], *, missing: str) -> list[Column]:
    """Period, dimensions, value, what it is made of, and how far it can be relied on."""

    def inner(kind: str, *, is_number: bool) -> list[Column]:
        names = sorted({name for value in values for name in value[kind]})
        return [
            Column(
                name,
                name,
                [shown(value[kind].get(name), missing=missing) for value in values],
                is_number,
            )
            for name in names
        ]

    def own(name: str, title: str, *, is_number: bool) -> Column:
        return Column(
            title, name, [shown(value[name], missing=missing) for value in values], is_number
        )

    return [
        Column("from", "from", [value["period_start"] for value in values], is_number=True),
        *inner("dimensions", is_number=False),
        own("value", "value", is_number=True),
        *inner("breakdown", is_number=True),
        own("data_points", "data points", is_number=True),
        own("confidence", "confidence", is_number=False),
    ]


def _head(answer: metric_pb2.GetMetricResponse) -> dict[str, Any]:
    return {**reliability_head(answer.reliability), "sampling_rate": answer.sampling_rate}


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
