"""The options that choose stored events, which `weir events` and `weir export` share."""

from typing import Annotated

import typer
from weir.aggregate.v1 import time_frame_pb2

from cli.exits import fail
from cli.moments import check_time, set_range
from libs.events.filtering import FilterError, compile_filter, parse_filter

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


def time_frame(last: str, start: str, end: str) -> time_frame_pb2.TimeFrame | None:
    """The time that the options say, None for all time. Ends the command if they contradict each other."""
    check_time(last, start, end)
    if last:
        return time_frame_pb2.TimeFrame(last=last)
    if not start and not end:
        return None
    between = time_frame_pb2.TimeInterval()
    set_range(between, start, end)
    return time_frame_pb2.TimeFrame(between=between)


def checked_filter(text: str, option: str = "--filter") -> str:
    """The filter of an option; ends the command, with the place at fault, if it cannot be asked."""
    try:
        compile_filter(parse_filter(text))
    except FilterError as error:
        line_start = text.rfind("\n", 0, error.position) + 1
        line = text[line_start:].partition("\n")[0]
        caret = " " * (error.position - line_start) + "^"
        fail(f"{option}: {error.message}\n  {line}\n  {caret}", 2)
    return text
