"""Requests for exports, and where to resume them."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from weir.aggregate.v1 import event_query_pb2 as pb

from libs.catalog import Catalog
from libs.common.errors import InvalidArgument
from libs.events.filtering import Node
from libs.events.impersonal import check_kept, impersonal_parameters, impersonal_values
from libs.events.lines import CSV, JSON_LINES, FileForm, csv_lines, json_lines
from libs.events.selection import ExportedLine, Place
from services.aggregate.behaviour.convert import readable_filter
from services.aggregate.convert import reading_filter, zoned_time
from services.aggregate.events.convert import place_values, read_place
from services.aggregate.exports.xapi import statement_line


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


@dataclass(frozen=True, slots=True)
class ExportForm:
    """How events become lines. `names` are the only events that do, None for all; `change` makes the line
    that is sent of the one that is read, None of an event that has none."""

    file: FileForm
    names: Collection[str] | None = None
    change: Callable[[bytes], bytes | None] | None = None


def form_of(request: pb.ExportEventsRequest, catalog: Catalog) -> ExportForm:
    """The form that is asked for. Raises InvalidArgument."""
    if request.format == pb.EXPORT_FORMAT_XAPI:
        return _statements(request, catalog)
    if request.format not in _WHOLE:
        raise InvalidArgument(
            "must be EXPORT_FORMAT_CSV, EXPORT_FORMAT_JSON_LINES or EXPORT_FORMAT_XAPI",
            field="format",
        )
    if not request.without_personal_data:
        return ExportForm(_WHOLE[request.format])
    make = _IMPERSONAL[request.format]
    return ExportForm(make(impersonal_values(), impersonal_parameters(catalog)))


def impersonal_filter(text: str, catalog: Catalog) -> Node | None:
    """A filter that asks for nothing that is left out without personal data. Raises InvalidArgument with the
    place at fault."""
    node = readable_filter(text, "filter", catalog)
    with reading_filter("filter"):
        check_kept(node, catalog)
    return node


def changed_lines(form: ExportForm, lines: Sequence[ExportedLine]) -> Sequence[ExportedLine]:
    """The lines that are sent of those that were read."""
    if form.change is None:
        return lines
    changed = [(form.change(line.data), line.place) for line in lines]
    return [ExportedLine(data, place) for data, place in changed if data is not None]


def _statements(request: pb.ExportEventsRequest, catalog: Catalog) -> ExportForm:
    if request.without_personal_data:
        raise InvalidArgument(
            "not with EXPORT_FORMAT_XAPI: a statement says who did something",
            field="without_personal_data",
        )
    if catalog.xapi is None:
        raise InvalidArgument("the app's catalog has no section `xapi`", field="format")
    return ExportForm(
        JSON_LINES, catalog.xapi.statements.keys(), partial(statement_line, catalog.xapi)
    )


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
