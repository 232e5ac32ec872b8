"""The dashboard of the demo: a few tables for each product."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import orjson
from rich.table import Table

from demo.cells import Cells
from demo.check import Answered
from demo.model import ExpectedVerdict
from libs.catalog import Catalog

_ROWS = 8


@dataclass(frozen=True, slots=True)
class _Panel:
    """One table: which rollup, which dimension leads a row, and how its metrics are called. `summed`
    panels add up the buckets of the day, which only counts allow."""

    title: str
    app_id: str
    rollup: str
    metrics: Mapping[str, str]
    summed: bool = False


_PANELS = (
    _Panel(
        "Active users by community",
        "unofficial_communities",
        "dau",
        {"active_users": "active users"},
    ),
    _Panel(
        "Missions",
        "unofficial_communities",
        "mission_completion",
        {"completions": "completions", "unique_users": "users", "total_xp_awarded": "XP"},
    ),
    _Panel(
        "Zone dwell",
        "unofficial_communities",
        "zone_dwell",
        {"visits": "visits", "avg_duration": "seconds"},
    ),
    _Panel(
        "Stages of games",
        "mlc_lms",
        "stage_results",
        {"completions": "completions", "students": "students", "avg_score": "score"},
    ),
    _Panel(
        "Assignments",
        "mlc_lms",
        "assignments",
        {"assignments": "assignments", "students": "students"},
    ),
    _Panel("Micro-acts", "addvalue", "microacts", {"microacts": "micro-acts"}, summed=True),
    _Panel("Waves", "addvalue", "wave_participation", {"actions": "actions"}, summed=True),
    _Panel(
        "Most viewed assets",
        "ip_assets",
        "asset_views",
        {"views": "views", "viewers": "viewers"},
    ),
    _Panel(
        "Payouts",
        "ip_assets",
        "payouts",
        {"payouts": "payouts", "total_amount_cents": "cents"},
    ),
    _Panel(
        "Revenue",
        "social_live",
        "revenue",
        {"orders": "orders", "revenue": "revenue", "avg_order": "average", "largest_order": "max"},
    ),
)


def dashboard(
    catalogs: Mapping[str, Catalog], cells: Mapping[tuple[str, str], Cells]
) -> Iterator[tuple[str, Table]]:
    """Titles and tables, product by product; the rows with the largest numbers first."""
    for panel in _PANELS:
        rows = _rows(panel, cells.get((panel.app_id, panel.rollup), {}))
        labels = list(next(iter(rows), ({}, {}))[0])
        table = Table()
        for label in labels:
            table.add_column(label)
        for name in panel.metrics.values():
            table.add_column(name, justify="right")
        for dimensions, values in rows[:_ROWS]:
            numbers = [_number(values.get(metric)) for metric in panel.metrics]
            table.add_row(*map(_word, dimensions.values()), *numbers)
        if len(rows) > _ROWS:
            table.add_row(f"... {len(rows) - _ROWS} more")
        yield f"{catalogs[panel.app_id].title}: {panel.title}", table


def verdict_table(catalogs: Mapping[str, Catalog], answered: Answered) -> Table:
    """How many events of each product got which verdict."""
    table = Table()
    table.add_column("product", no_wrap=True)
    for heading in (*ExpectedVerdict, "sent"):
        table.add_column(heading, justify="right")
    counts: defaultdict[str, defaultdict[ExpectedVerdict, int]] = defaultdict(
        lambda: defaultdict(int)
    )
    for event, verdict in answered:
        counts[event.app_id][verdict] += 1
        counts[""][verdict] += 1
    for app_id, of_app in sorted(counts.items(), key=lambda entry: (not entry[0], entry[0])):
        if not app_id:
            table.add_section()
        numbers = [of_app[verdict] for verdict in ExpectedVerdict]
        name = catalogs[app_id].title if app_id else "all"
        table.add_row(name, *(f"{number:,}" for number in (*numbers, sum(numbers))))
    return table


def _rows(panel: _Panel, cells: Cells) -> list[tuple[dict[str, object], dict[str, float]]]:
    if not panel.summed:
        rows = [(orjson.loads(key[1]), dict(values)) for key, values in cells.items()]
    else:
        sums: defaultdict[str, defaultdict[str, float]] = defaultdict(lambda: defaultdict(float))
        for (_, dimensions), values in cells.items():
            for metric in panel.metrics:
                sums[dimensions][metric] += values.get(metric, 0.0)
        rows = [(orjson.loads(key), dict(values)) for key, values in sums.items()]
    first = next(iter(panel.metrics))
    return sorted(rows, key=lambda row: -row[1].get(first, 0.0))


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if value == round(value) else f"{value:,.2f}"


def _word(value: object) -> str:
    return "-" if value is None else str(value)
