"""Requests for exports, and where to resume them."""

from dataclasses import dataclass
from datetime import datetime

from weir.aggregate.v1 import event_query_pb2 as pb

from libs.catalog import Catalog
from libs.common.errors import InvalidArgument
from libs.events.impersonal import impersonal_parameters, impersonal_values
from libs.events.lines import CSV, JSON_LINES, FileForm, csv_lines, json_lines
from libs.events.selection import Place
from services.aggregate.convert import zoned_time
from services.aggregate.events.convert import place_values, read_place


@dataclass(frozen=True, slots=True)
class Resumption:
    """Where to go on: the times of the first call, the name of the last event (empty if names do not divide
    the export, or before the first event), and its place; None before the first event."""

    start: datetime
    end: datetime
    name: str
    after: Place | None


_WHOLE = {pb.EXPORT_FORMAT_CSV: CSV, pb.EXPORT_FORMAT_JSON_LINES: JSON_LINES}
_IMPERSONAL = {pb.EXPORT_FORMAT_CSV: csv_lines, pb.EXPORT_FORMAT_JSON_LINES: json_lines}


def form_of(request: pb.ExportEventsRequest, catalog: Catalog) -> FileForm:
    """The form that is asked for. Raises InvalidArgument."""
    if request.format not in _WHOLE:
        raise InvalidArgument(
            "must be EXPORT_FORMAT_CSV or EXPORT_FORMAT_JSON_LINES", field="format"
        )
    if not request.without_personal_data:
        return _WHOLE[request.format]
    make = _IMPERSONAL[request.format]
    return make(impersonal_values(), impersonal_parameters(catalog))


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
