"""Small batches in the tables and in the line of JSON."""

from rich.table import Table

from tests.bench.figures import range_text, rounded, text
from tests.bench.small_batches import BY_COPY, BY_HAND, MANY_CALLERS, WEIR, SmallBatches

# What `by_hand_ratio` is to be at least, by events a call.
AIM = {"1": 1.4, "10": 1.2, "100": 1.0, "500": 1.0}
# Sides in the keys of JSON.
_KEYS = {WEIR: "weir", BY_HAND: "by_hand", BY_COPY: "copy"}


def small_batches_line(results: SmallBatches | None) -> dict[str, object]:
    """Medians; null for what was not measured, as everything by hand without the extra `bench`."""
    ratios: dict[str, float | None] = {}
    sizes: dict[str, dict[str, float]] = {}
    for case, sides in (results.runs if results else {}).items():
        assert results is not None
        ratio = results.ratio(case)
        ratios[case] = rounded(ratio.median) if ratio else None
        sizes[case] = {}
        for side in sides:
            sizes[case][f"{_KEYS[side]}_events_per_s"] = rounded(
                results.per_second(case, side).median
            )
            sizes[case][f"{_KEYS[side]}_cpu_us"] = rounded(results.cpu_us(case, side).median)
    of_many_callers = ratios.pop(MANY_CALLERS.name, None)
    return {
        "by_hand_ratio": ratios or None,
        "by_hand_ratio_128_callers": of_many_callers,
        "small_batches": sizes or None,
    }


def small_batches_tables(results: SmallBatches) -> list[Table]:
    """All sides beside each other, and where Weir's CPU goes."""
    return [_sides(results), _processes(results)]


def _sides(results: SmallBatches) -> Table:
    sides = list(dict.fromkeys(side for sides in results.runs.values() for side in sides))
    table = Table(
        "events a call", title="Small batches: events/s, and CPU µs an event of all processes"
    )
    for side in sides:
        table.add_column(side, justify="right")
        table.add_column("CPU µs", justify="right")
    if BY_HAND in sides:
        table.add_column("ratio", justify="right")
        table.add_column("range", justify="right")
        table.add_column("target", justify="right")
    for case in results.runs:
        cells = [case]
        for side in sides:
            if side in results.runs[case]:
                cells.append(text(results.per_second(case, side).median))
                cells.append(text(results.cpu_us(case, side).median))
            else:
                cells += ["", ""]
        if ratio := results.ratio(case):
            aim = f"≥ {text(AIM[case])}" if case in AIM else ""
            cells += [text(ratio.median), range_text(ratio), aim]
        table.add_row(*cells)
    return table


def _processes(results: SmallBatches) -> Table:
    table = Table("events a call", "side", title="Small batches: CPU µs an event, by process")
    names = {
        name: None
        for sides in results.runs.values()
        for runs in sides.values()
        for name in runs[0].cpu_us
    }
    for name in names:
        table.add_column(name, justify="right")
    for case, sides in results.runs.items():
        for side in sides:
            cpu_us = results.cpu_us_by_process(case, side)
            cells = [text(cpu_us[name].median) if name in cpu_us else "" for name in names]
            table.add_row(case, side, *cells)
    return table
