"""How fast events leave as a file, and what the service holds meanwhile."""

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from time import perf_counter

from weir.aggregate.v1 import event_query_pb2 as pb

from tests.bench.queries import duckdb_sql
from tests.bench.queries.answers import WrongAnswerError
from tests.bench.queries.catalog import APP
from tests.bench.queries.duck import Duck
from tests.bench.queries.generator import DAYS
from tests.bench.queries.questions import Frame, days
from tests.bench.queries.stack import Service

_FORMATS: Mapping[str, pb.ExportFormat] = {
    "csv": pb.EXPORT_FORMAT_CSV,
    "json_lines": pb.EXPORT_FORMAT_JSON_LINES,
}
# The ids of the events of a day are compared, of these days their number.
_COMPARED = days(DAYS - 1, DAYS)
_MEASURED = days(DAYS - 14, DAYS)
# By then whatever an export holds is there.
_BEGUN_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Exported:
    """One export. CPU is that of the service and Postgres. Memory is that of the service before it, after a
    tenth of the rows, and at most since then."""

    rows: int
    seconds: float
    cpu_seconds: float
    idle_mb: float = 0.0
    begun_mb: float = 0.0
    most_mb: float = 0.0

    @property
    def rows_per_s(self) -> float:
        """Rows a second."""
        return self.rows / self.seconds


def exports(service: Service, duck: Duck) -> Iterator[tuple[str, Exported]]:
    """Of fourteen days, by format; the last one is DuckDB's. Raises WrongAnswerError if events are missing or
    appear twice."""
    _compare_ids(service, duck)
    rows = len(duck.rows(duckdb_sql.EXPORTED, _MEASURED.parameters))
    for name, form in _FORMATS.items():
        yield name, _measure(service, form, rows)
    start, cpu = perf_counter(), duck.cpu_seconds()
    duck.rows(duckdb_sql.EXPORT, _MEASURED.parameters)
    yield "duckdb", Exported(rows, perf_counter() - start, duck.cpu_seconds() - cpu)


def _measure(service: Service, form: pb.ExportFormat, expected: int) -> Exported:
    idle = service.resident_mb()
    begun = most = 0.0
    rows = 0
    cpu, start = service.cpu_seconds(), perf_counter()
    for response in _responses(service, form, _MEASURED):
        rows += response.rows
        if rows >= expected * _BEGUN_SHARE:
            resident = service.resident_mb()
            begun = begun or resident
            most = max(most, resident)
    seconds = perf_counter() - start
    if rows != expected:
        raise WrongAnswerError(f"export: Weir {rows} rows, DuckDB {expected}")
    return Exported(rows, seconds, service.cpu_seconds() - cpu, idle, begun, most)


def _compare_ids(service: Service, duck: Duck) -> None:
    responses = _responses(service, pb.EXPORT_FORMAT_CSV, _COMPARED)
    lines = b"".join(response.data for response in responses).decode().splitlines()
    ours = sorted(row["event_uuid"].replace("-", "") for row in csv.DictReader(lines))
    rows = duck.rows(duckdb_sql.EXPORTED, _COMPARED.parameters)
    if ours != sorted(key.hex() for (key,) in rows):
        raise WrongAnswerError("export: the events are not those that DuckDB has")


def _responses(
    service: Service, form: pb.ExportFormat, frame: Frame
) -> Iterable[pb.ExportEventsResponse]:
    request = pb.ExportEventsRequest(app_id=APP, time=frame.message, format=form)
    found: Iterable[pb.ExportEventsResponse] = service.calls.ExportEvents(request)
    return found
