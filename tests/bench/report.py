"""The table that people read, and the one line of JSON that programs read."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table

from tests.bench.figures import Figure, range_text, rounded, text
from tests.bench.small_batches import SmallBatches
from tests.bench.small_report import small_batches_line, small_batches_tables

# What is aimed at on two cores: the limit, and whether more or less than it is good.
AT_LEAST = {
    "end_to_end_ratio": 0.42,
    "check_consent_ratio": 0.85,
    "batch_checks_per_s": 300_000,
    "sealing_ratio": 0.95,
}
BELOW = {
    "live_p99_ms": 600,
    "stored_p99_ms": 1_000,
    "live_p99_ms_light": 250,
    "track_p99_ratio": 1,
}
# The keys of the JSON line, in its order; after them come those by service and those of small batches.
FIGURES = (
    "end_to_end_events_per_s",
    "raw_copy_rows_per_s",
    "end_to_end_ratio",
    "check_consent_per_s",
    "echo_per_s",
    "check_consent_ratio",
    "batch_checks_per_s",
    "sealing_ratio",
    "sealing_cpu_ratio",
    "live_p99_ms",
    "stored_p99_ms",
    "live_p99_ms_light",
    "stored_p99_ms_light",
    "track_p99_ms",
    "echo_p99_ms_128",
    "fsync_ms",
    "track_p99_ratio",
    "redis_bytes_per_id",
)
BY_SERVICE = ("cpu_us_per_event", "rss_mb")
# In the table only.
_MORE_FIGURES = (
    "live_p50_ms",
    "stored_p50_ms",
    "delay_load_events_per_s",
    "live_p50_ms_light",
    "stored_p50_ms_light",
    "delay_load_events_per_s_light",
)


@dataclass
class Report:
    """All figures of one run; what was not measured is not in it."""

    figures: dict[str, Figure] = field(default_factory=dict)
    by_service: dict[str, dict[str, Figure]] = field(default_factory=dict)
    small: SmallBatches | None = None

    def add(self, name: str, values: Sequence[float]) -> None:
        """One value for each run."""
        self.figures[name] = Figure.of(values)

    def add_by_service(self, name: str, runs: Sequence[Mapping[str, float]]) -> None:
        """One mapping for each run, all with the same services."""
        self.by_service[name] = {
            service: Figure.of([run[service] for run in runs]) for service in runs[0]
        }

    def json_line(self) -> str:
        """Medians; null for what was not measured."""
        values: dict[str, object] = {
            name: rounded(self.figures[name].median) if name in self.figures else None
            for name in FIGURES
        }
        for name in BY_SERVICE:
            services = self.by_service.get(name)
            values[name] = services and {
                service: rounded(figure.median) for service, figure in services.items()
            }
        values |= small_batches_line(self.small)
        return json.dumps(values)

    def print(self, console: Console) -> None:
        """The tables."""
        table = Table("figure", "median", "range", "target", "", title="Weir, side by side")
        for column in table.columns[1:3]:
            column.justify = "right"
        for name in (*FIGURES, *_MORE_FIGURES):
            if figure := self.figures.get(name):
                table.add_row(
                    name,
                    text(figure.median),
                    range_text(figure),
                    target(name),
                    verdict(name, figure),
                )
        console.print(table)
        if self.by_service:
            console.print(self._services())
        if self.small:
            for small_table in small_batches_tables(self.small):
                console.print(small_table)

    def _services(self) -> Table:
        table = Table("service", title="End to end, by process")
        for name in self.by_service:
            table.add_column(name, justify="right")
            table.add_column("range", justify="right")
        for service in next(iter(self.by_service.values())):
            figures = [services[service] for services in self.by_service.values()]
            cells = [cell for f in figures for cell in (text(f.median), range_text(f))]
            table.add_row(service, *cells)
        return table


def target(name: str) -> str:
    """What a figure shall be, for people; empty if nothing is promised."""
    if name in AT_LEAST:
        return f"≥ {text(AT_LEAST[name])}"
    if name in BELOW:
        return f"< {text(BELOW[name])}"
    return ""


def verdict(name: str, figure: Figure) -> str:
    """Whether the median keeps the promise; empty if nothing is promised."""
    if name in AT_LEAST:
        return "ok" if figure.median >= AT_LEAST[name] else "falls short"
    if name in BELOW:
        return "ok" if figure.median < BELOW[name] else "falls short"
    return ""
