"""How long answers take."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter

from tests.bench.figures import percentile

_FEWEST_RUNS = 3


@dataclass(frozen=True, slots=True)
class Times:
    """Of the runs of one question: milliseconds by nearest rank, the CPU of a run on average, and how many
    runs there were. CPU is comparable also while the machine has other work."""

    p50_ms: float
    p95_ms: float
    cpu_ms: float
    runs: int

    @classmethod
    def of(cls, milliseconds: Sequence[float], cpu_seconds: float) -> "Times":
        """Of runs that took `cpu_seconds` together. Raises ValueError if there is none."""
        return cls(
            percentile(milliseconds, 50),
            percentile(milliseconds, 95),
            cpu_seconds * 1_000 / len(milliseconds),
            len(milliseconds),
        )


def timed(
    ask: Callable[[], object], cpu_seconds: Callable[[], float], runs: int, seconds: float
) -> Times:
    """Asks `runs` times, or less often once that has taken `seconds`, but three times in any case.
    `cpu_seconds`: what the side that answers has used so far."""
    found: list[float] = []
    cpu = cpu_seconds()
    end = perf_counter() + seconds
    while len(found) < runs and (len(found) < _FEWEST_RUNS or perf_counter() < end):
        start = perf_counter()
        ask()
        found.append((perf_counter() - start) * 1_000)
    return Times.of(found, cpu_seconds() - cpu)
