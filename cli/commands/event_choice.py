"""The options that choose stored events, which `weir events` and `weir export` share."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from weir.aggregate.v1 import event_query_pb2 as pb

from cli.exits import fail
from cli.moments import moment_of
from libs.events.filtering import FilterError, compile_filter, parse_filter

Last = Annotated[
    str,
    typer.Option("--last", metavar="TIME", help="Up to now: 24h, 7d, 30d, from 1h to 366d."),
]
From = Annotated[
    str,
    typer.Option(
        "--from",
        metavar="TIME",
        help="From this time on. ISO 8601, UTC if it names no zone; a date is its midnight.",
    ),
]
To = Annotated[
    str,
    typer.Option(
        "--to", metavar="TIME", help="Before this time; a date is the whole day, to its end."
    ),
]
Filter = Annotated[
    str,
    typer.Option("--filter", metavar="FILTER", help='Such as: name = "post_*" AND country = DE.'),
]
_DATE_CHARACTERS = len("2026-04-27")


def time_frame(last: str, start: str, end: str) -> pb.TimeFrame | None:
    """The time that the options say, None for all time. Ends the command if they contradict each other."""
    if last:
        if start or end:
            fail("--last: not together with --from and --to", 2)
        return pb.TimeFrame(last=last)
    if not start and not end:
        return None
    between = pb.TimeInterval()
    if start:
        getattr(between, "from").FromDatetime(moment_of("--from", start))
    if end:
        moment = moment_of("--to", end)
        if len(end) <= _DATE_CHARACTERS:
            moment = _end_of_day(moment)
        between.to.FromDatetime(moment)
    if start and end and getattr(between, "from").ToNanoseconds() > between.to.ToNanoseconds():
        fail(f"--from {start}: is later than --to {end}", 2)
    return pb.TimeFrame(between=between)


def _end_of_day(midnight: datetime) -> datetime:
    try:
        return midnight + timedelta(days=1)
    except OverflowError:
        # The last day that there is: no event is later.
        return datetime.max.replace(tzinfo=UTC)


def checked_filter(text: str) -> str:
    """The filter; ends the command, with the place at fault, if it cannot be asked."""
    try:
        compile_filter(parse_filter(text))
    except FilterError as error:
        line_start = text.rfind("\n", 0, error.position) + 1
        line = text[line_start:].partition("\n")[0]
        caret = " " * (error.position - line_start) + "^"
        fail(f"--filter: {error.message}\n  {line}\n  {caret}", 2)
    return text
