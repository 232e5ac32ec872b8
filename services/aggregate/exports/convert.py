"""Requests for exports, and where to resume them."""

from dataclasses import dataclass
from datetime import datetime

from weir.aggregate.v1 import event_query_pb2 as pb

from libs.common.errors import InvalidArgument
from libs.events.lines import CSV_HEADER, CSV_LINE, JSON_LINE
from libs.events.selection import Place
from services.aggregate.convert import zoned_time
from services.aggregate.events.convert import place_values, read_place


@dataclass(frozen=True, slots=True)
class FileForm:
    """How a file is written: its first line, and the SQL of the others."""

    header: bytes
    line: str


@dataclass(frozen=True, slots=True)
class Resumption:
    """Where to go on: the times of the first call, the name of the last event (empty if names do not divide
    the export, or before the first event), and its place; None before the first event."""

    start: datetime
    end: datetime
    name: str
    after: Place | None


_FORMS = {
    pb.EXPORT_FORMAT_CSV: FileForm(CSV_HEADER, CSV_LINE),
    pb.EXPORT_FORMAT_JSON_LINES: FileForm(b"", JSON_LINE),
}


def form_of(request: pb.ExportEventsRequest) -> FileForm:
    """The form that is asked for. Raises InvalidArgument."""
    form = _FORMS.get(request.format)
    if form is None:
        raise InvalidArgument(
            "must be EXPORT_FORMAT_CSV or EXPORT_FORMAT_JSON_LINES", field="format"
        )
    return form


def resumption_values(at: Resumption) -> tuple[str, ...]:
    """As a token carries it; `read_resumption` reads it."""
    place = place_values(at.after) if at.after else ()
    return at.start.isoformat(), at.end.isoformat(), at.name, *place


def read_resumption(start: str, end: str, name: str, *place: str) -> Resumption:
    """Raises ValueError or TypeError for what `resumption_values` never makes."""
    if "\x00" in name:
        raise ValueError("no name of an event")
    after = read_place(*place) if place else None
    return Resumption(zoned_time(start), zoned_time(end), name, after)
