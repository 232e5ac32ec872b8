"""`weir query gauge`: how many are there now."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC
from typing import Annotated, Any

import typer
from google.protobuf import json_format
from weir.aggregate.v1 import aggregate_service_pb2_grpc, gauge_pb2

from cli.dimensions import dimensions_of
from cli.exits import fail
from cli.moments import shown_moment
from cli.number_tables import inner_columns, shown, whole
from cli.options import AppId, AsCsv, AsJson, check_format
from cli.reliability import plain_cut
from cli.suite_channel import calls_to
from cli.tables import Column, print_columns


def gauge_values(
    app_id: AppId,
    gauge: Annotated[
        list[str] | None,
        typer.Option(help="Only this gauge of the app's catalog; may be repeated."),
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="Only this group of a single gauge: one for each name that it is split by.",
        ),
    ] = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Go on, and print each gauge whenever it changes.")
    ] = False,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Show how many people, or sessions, are there now, in all and in each group."""
    check_format(as_json=as_json, as_csv=as_csv)
    if watch and as_csv:
        fail("--watch and --csv: only one of them", 2)
    if watch and where:
        fail("--watch shows all groups: leave --where out", 2)
    with calls_to("aggregate", aggregate_service_pb2_grpc.AggregateServiceStub, app_id) as stub:
        if watch:
            request = gauge_pb2.WatchGaugesRequest(app_id=app_id, gauges=gauge or ())
            for message in stub.WatchGauges(request, endless=True):
                _print(message.readings, as_json)
            return
        query = gauge_pb2.QueryGaugesRequest(app_id=app_id, gauges=gauge or ())
        query.dimensions.update(dimensions_of(where or ()))
        readings = stub.QueryGauges(query).readings
    if as_csv:
        columns = _columns([_plain(reading) for reading in readings])
        print_columns(columns, as_csv=True, at_least=1)
        return
    if not readings and not as_json:
        typer.echo("the app's catalog declares no gauges")
    _print(readings, as_json)


def _columns(readings: Sequence[Mapping[str, Any]]) -> list[Column]:
    """A row for each gauge, then for each of its groups, then for people at other values together."""
    rows: list[tuple[Mapping[str, Any], str, Mapping[str, Any]]] = []
    for found in readings:
        rows.append((found, "all", {"dimensions": {}, "value": found["value"]}))
        rows += [(found, "group", group) for group in found["groups"]]
        if found["other"]:
            rows.append((found, "other", {"dimensions": {}, "value": found["other"]}))
    return [
        Column("gauge", "gauge", [found["gauge"] for found, *_ in rows]),
        Column("moment", "moment", [found["moment"] for found, *_ in rows]),
        Column("of", "of", [of for _, of, _ in rows]),
        *inner_columns([group for *_, group in rows], "dimensions"),
        Column("value", "value", [str(group["value"]) for *_, group in rows], is_number=True),
    ]


def _print(readings: Iterable[gauge_pb2.GaugeReading], as_json: bool) -> None:
    for reading in readings:
        found = _plain(reading)
        typer.echo(json.dumps(found) if as_json else "\n".join(_lines(found)))


def _plain(reading: gauge_pb2.GaugeReading) -> dict[str, Any]:
    reliability = reading.reliability
    watermark = None
    if reliability.HasField("watermark"):
        watermark = shown_moment(reliability.watermark.ToDatetime(tzinfo=UTC))
    return {
        "gauge": reading.gauge,
        "moment": shown_moment(reading.moment.ToDatetime(tzinfo=UTC)),
        "value": reading.value,
        "groups": [
            {
                "dimensions": {
                    name: whole(value)
                    for name, value in json_format.MessageToDict(group.dimensions).items()
                },
                "value": group.value,
            }
            for group in reading.groups
        ],
        "other": reading.other,
        "watermark": watermark,
        "cut": plain_cut(reliability),
    }


def _lines(found: Mapping[str, Any]) -> Sequence[str]:
    """A line for the gauge, and one for each group."""
    groups = [
        f"  {group['value']}  "
        + "  ".join(f"{name}={shown(value)}" for name, value in sorted(group["dimensions"].items()))
        for group in found["groups"]
    ]
    if found["other"]:
        groups.append(f"  {found['other']}  in groups that are not counted apart")
    cut = found["cut"]
    value = f"withheld (< {cut['value']})" if cut and not found["value"] else found["value"]
    return [f"{found['moment']}  {found['gauge']}  {value}", *groups]
