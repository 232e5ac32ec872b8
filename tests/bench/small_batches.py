"""What few events a call cost, in turn with the same events in a service that was written by hand."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.bench.figures import Figure, pair_ratios, percentile
from tests.bench.one_kind import OneKind
from tests.bench.sides import Case, Run, Side, echo_latencies

MANY_CALLERS = Case("1_128_callers", 1, 128)
CASES = (
    Case("1", 1, 16),
    MANY_CALLERS,
    Case("10", 10, 16),
    Case("100", 100, 16),
    Case("500", 500, 16),
)
WEIR = "weir"
BY_HAND = "by hand"
BY_COPY = "COPY"
# Of the run before the first, which warms up and says how many calls take as long as a run shall.
_FIRST_CALLS = 1_000
_FIRST_EVENTS = 10_000


@dataclass
class SmallBatches:
    """The runs by case and side, in the order in which they ran, and the echo's p99 of each round in
    milliseconds."""

    runs: dict[str, dict[str, list[Run]]] = field(default_factory=dict)
    echo_p99_ms: list[float] = field(default_factory=list)

    def per_second(self, case: str, side: str) -> Figure:
        """Events a second."""
        return Figure.of([run.per_second for run in self.runs[case][side]])

    def cpu_us(self, case: str, side: str) -> Figure:
        """CPU microseconds an event, of all processes together."""
        return Figure.of([sum(run.cpu_us.values()) for run in self.runs[case][side]])

    def cpu_us_by_process(self, case: str, side: str) -> dict[str, Figure]:
        """CPU microseconds an event, by process."""
        runs = self.runs[case][side]
        return {name: Figure.of([run.cpu_us[name] for run in runs]) for name in runs[0].cpu_us}

    def ratio(self, case: str) -> Figure | None:
        """Weir's events a second over those of the hand-written service, by pair; None without it."""
        sides = self.runs[case]
        if BY_HAND not in sides:
            return None
        values = [[run.per_second for run in sides[side]] for side in (WEIR, BY_HAND)]
        return Figure.of(pair_ratios(*values))

    def track_p99_ms(self) -> list[float]:
        """The p99 of TrackEvent calls of many callers, in milliseconds, by round."""
        runs = self.runs[MANY_CALLERS.name][WEIR]
        return [percentile(run.latencies, 99) * 1e3 for run in runs]

    def track_p99_ratio(self, fsync_ms: float) -> Figure:
        """That p99 over what it may be, four times that of the echo after it and one fsync, by pair."""
        limits = [4 * echo + fsync_ms for echo in self.echo_p99_ms]
        return Figure.of(pair_ratios(self.track_p99_ms(), limits))


async def measure_small_batches(
    sides: Mapping[str, Side],
    echo_url: str,
    token: str,
    events: OneKind,
    *,
    rounds: int,
    seconds: float,
) -> SmallBatches:
    """Each round runs all sides one after the other, for about `seconds` each. Raises WrongCountsError."""
    results = SmallBatches()
    for case in CASES:
        # No author copies a single row.
        compared = {
            name: side for name, side in sides.items() if case.events > 1 or name != BY_COPY
        }
        rates = {
            name: (await side.run(case, _first_calls(case))).per_second
            for name, side in compared.items()
        }
        runs = results.runs[case.name] = {name: [] for name in compared}
        for _ in range(rounds):
            for name, side in compared.items():
                run = await side.run(case, calls_for(rates[name], case, seconds))
                runs[name].append(run)
                rates[name] = run.per_second
            if case is MANY_CALLERS:
                requests = events.calls(runs[WEIR][-1].events)
                latencies = await echo_latencies(echo_url, token, requests, case.callers)
                results.echo_p99_ms.append(percentile(latencies, 99) * 1e3)
    return results


def calls_for(events_per_second: float, case: Case, seconds: float) -> int:
    """How many calls take about so long at that rate; at least one for each caller."""
    return max(case.callers, round(events_per_second * seconds / case.events))


def _first_calls(case: Case) -> int:
    return min(_FIRST_CALLS, max(case.callers, _FIRST_EVENTS // case.events))
