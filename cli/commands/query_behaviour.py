"""What the questions about behaviour have in common at the terminal."""

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer
from google.protobuf import json_format
from google.protobuf.duration_pb2 import Duration
from weir.aggregate.v1 import aggregate_service_pb2_grpc, reliability_pb2, time_frame_pb2
from weir.aggregate.v1 import behaviour_pb2 as pb

from cli.commands.event_choice import checked_filter
from cli.exits import fail
from cli.moments import shown_moment
from cli.number_tables import PROVISIONAL, whole
from cli.reliability import cut_line, plain_cut, reliability_head
from cli.suite_channel import calls_to
from libs.catalog.durations import parse_duration

Exact = Annotated[
    bool,
    typer.Option(
        "--exact", help="Read all events, however many; may take too long. Else people are sampled."
    ),
]
Groups = Annotated[int, typer.Option(min=1, max=100, help="The largest groups of --breakdown.")]
_OPEN = (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))
_STEP = re.compile(r"(?P<name>[^\[\]]+?)\s*(\[(?P<filter>.*)\])?", re.DOTALL)


def step_of(option: str, text: str) -> pb.Step:
    """A step as in `view` or `purchase[properties.amount > 0]`. Ends the command, as wrong usage, for
    anything else."""
    match = _STEP.fullmatch(text.strip())
    if match is None:
        fail(f"{option} {text}: must be EVENT or EVENT[FILTER]", 2)
    condition = checked_filter(match["filter"] or "", option)
    return pb.Step(name=match["name"], filter=condition, label=text.strip())


def length_of(option: str, text: str) -> Duration:
    """A length of time such as `30m`, `1d`. Ends the command, as wrong usage, for anything else."""
    try:
        return Duration(seconds=parse_duration(text))
    except ValueError:
        fail(f"{option} {text}: must be a length of time, such as 30m, 24h or 7d", 2)


def shown_length(length: timedelta) -> str:
    """In the two largest units: `45s`, `2h 5m`, `3d`."""
    seconds = round(length.total_seconds())
    parts = []
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count}{unit}")
    return " ".join(parts[:2]) or "0s"


def share_of(message: Any, field: str) -> str | None:
    """An optional share in percent, None if it is not said."""
    return f"{100 * getattr(message, field):.1f}" if message.HasField(field) else None


def value_of(value: Any) -> Any:
    """A google.protobuf.Value as plain JSON."""
    return whole(json_format.MessageToDict(value))


def aggregate(app_id: str) -> AbstractContextManager[Any]:
    """The calls of aggregate."""
    return calls_to("aggregate", aggregate_service_pb2_grpc.AggregateServiceStub, app_id)


def plain_reliability(found: reliability_pb2.Reliability) -> dict[str, Any]:
    """How far an answer can be relied on, as JSON has it."""
    return {
        **reliability_head(found),
        "sampling_rate": found.sampling_rate,
        "cut": plain_cut(found),
    }


def print_json(answer: Any, content: Mapping[str, Any]) -> None:
    """Prints an answer as JSON: how far it can be relied on, its time, and what it says."""
    found = {
        **plain_reliability(answer.reliability),
        "time": plain_time(answer.time),
        **content,
    }
    typer.echo(json.dumps(found, indent=2, ensure_ascii=False))


def plain_time(time: time_frame_pb2.TimeInterval) -> dict[str, str | None]:
    """A time as JSON has it: null for a side that is open, which an answer says as the first or the last
    moment that there is."""
    moments = {name: getattr(time, name).ToDatetime(tzinfo=UTC) for name in ("from", "to")}
    return {
        name: None if moment in _OPEN else shown_moment(moment) for name, moment in moments.items()
    }


def worst_reliability(found: Sequence[reliability_pb2.Reliability]) -> reliability_pb2.Reliability:
    """How far all pages of an answer can be relied on together: one at least."""
    worst = reliability_pb2.Reliability()
    worst.CopyFrom(min(found, key=lambda page: (page.completeness, page.sampling_rate)))
    worst.sampling_rate = min(page.sampling_rate for page in found)
    if not all(page.HasField("watermark") for page in found):
        worst.ClearField("watermark")
    for page in found:
        if page.HasField("cut"):
            worst.cut.CopyFrom(page.cut)
    return worst


def say_reliability(found: reliability_pb2.Reliability, *, provisional: bool = True) -> None:
    """Says on stderr what limits an answer; with `provisional`, also that it is so."""
    plain = plain_reliability(found)
    lines = []
    if provisional and plain["completeness"] == PROVISIONAL:
        lines.append("provisional: events of this time may still come")
    if found.sampling_rate < 1:
        lines.append(f"estimated from one in {round(1 / found.sampling_rate)} people: see --exact")
    if plain["cut"]:
        lines.append(cut_line(found))
    for line in lines:
        typer.echo(line, err=True)
