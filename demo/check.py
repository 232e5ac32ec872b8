"""Whether the numbers are right: verdicts, what is stored, what is counted, and every single cell."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

from demo.cells import Cells, Difference, differences
from demo.known_recount import KNOWN, taken_events
from demo.model import Day, DemoEvent, ExpectedVerdict
from demo.numbers import Numbers
from demo.stored import StoredEvents
from libs.catalog import Catalog, Period, Rollup

Answered = Sequence[tuple[DemoEvent, ExpectedVerdict]]
_SHOWN = 10
_LENGTHS = {
    Period.HOUR: timedelta(hours=1),
    Period.DAY: timedelta(days=1),
    Period.WEEK: timedelta(weeks=1),
    Period.MONTH: timedelta(days=31),
}


@dataclass(frozen=True, slots=True)
class Totals:
    """The last line of `weir demo`."""

    sent: int
    accepted: int
    anonymized: int
    duplicate: int
    rejected: int
    dropped: int
    sampled: int
    stored: int
    counted: int
    mismatches: int

    def as_dict(self) -> dict[str, int]:
        """In this order."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Findings:
    """What the check found: all that is wrong in words, and all cells of all rollups."""

    totals: Totals
    wrong: list[str]
    cells: Mapping[tuple[str, str], Cells]


def check(
    day: Day,
    answered: Answered,
    numbers: Numbers,
    stored: StoredEvents,
    catalogs: Mapping[str, Catalog],
    *,
    timeout_seconds: float,
) -> Findings:
    """Waits until what was taken is counted, and compares everything with everything."""
    verdicts = Counter(verdict for _, verdict in answered)
    taken = taken_events(answered)
    by_app = Counter(one.event.app_id for one in taken)
    apps = list(dict.fromkeys(event.app_id for event in day.events))
    counted = numbers.wait_until_counted(
        {app_id: by_app[app_id] for app_id in apps}, timeout_seconds
    )
    cells: dict[tuple[str, str], Cells] = {}
    found: list[Difference] = []
    for app_id in apps:
        characters = catalogs[app_id].limits.dimension_characters
        for rollup in catalogs[app_id].rollups.values():
            served = cells[app_id, rollup.name] = numbers.cells(app_id, rollup.name)
            stored_cells = stored.recount(app_id, rollup, characters)
            kept = kept_cells(rollup, stored_cells, datetime.now(UTC))
            found += differences(app_id, rollup.name, served, kept, "sql")
    for known in KNOWN:
        served = cells.get((known.app_id, known.rollup), {})
        expected = known.cells(taken)
        found += differences(known.app_id, known.rollup, served, expected, "generator")
    totals = Totals(
        sent=len(day.events),
        **{str(verdict): verdicts[verdict] for verdict in ExpectedVerdict},
        stored=stored.count(apps),
        counted=counted,
        mismatches=len({(one.app_id, one.rollup, one.key) for one in found}),
    )
    wrong = [*_wrong_totals(totals), *_wrong_verdicts(answered), *_first(found)]
    return Findings(totals, wrong, cells)


def kept_cells(rollup: Rollup, cells: Cells, now: datetime) -> Cells:
    """Those of the cells that the rollup keeps: of a day of long ago some have expired already."""
    if rollup.cell_retention_days is None:
        return cells
    kept_from = now - timedelta(days=rollup.cell_retention_days) - _LENGTHS[rollup.period]
    return {key: values for key, values in cells.items() if key[0] > kept_from.timestamp()}


def _wrong_totals(totals: Totals) -> list[str]:
    wrong = []
    verdicts = {str(verdict): getattr(totals, verdict) for verdict in ExpectedVerdict}
    if totals.sent != sum(verdicts.values()):
        wrong.append(f"{totals.sent} events sent, but {sum(verdicts.values())} verdicts")
    wrong += [f"no event was {name}" for name, count in verdicts.items() if not count]
    taken = totals.accepted + totals.anonymized
    if totals.stored != taken:
        wrong.append(f"{taken} events taken, but {totals.stored} stored")
    if totals.counted != taken:
        wrong.append(f"{taken} events taken, but {totals.counted} counted")
    return wrong


def _wrong_verdicts(answered: Answered) -> list[str]:
    """Events that got another verdict than the generator foresaw."""
    found = [
        f"{event.app_id} {event.name} ({event.trouble or 'as it should be'}): {verdict}, and not "
        f"{' or '.join(sorted(event.possible))}"
        for event, verdict in answered
        if verdict not in event.possible
    ]
    return _first(found)


def _first(found: Sequence[object]) -> list[str]:
    more = [f"... and {len(found) - _SHOWN} more"] if len(found) > _SHOWN else []
    return [*map(str, found[:_SHOWN]), *more]
