"""What sealing costs: mixed traffic with the demo's share of IP assets, which go to one of two copies of that
app, in turn. One seals searches, as the catalog of IP assets does, the other stores them as they come."""

import asyncio
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from shutil import copyfile
from typing import Any

import yaml

from demo.generator import PRODUCTS
from libs.runtime.resources import CATALOGS
from tests.bench.counted_runs import run_until_counted
from tests.bench.end_to_end import FRAME_EVENTS, PARTITIONS_SECONDS, SPAN_US
from tests.bench.figures import Figure, ratio_of_medians
from tests.bench.load import send
from tests.bench.processes import Processes
from tests.bench.stored_counts import StoredCounts
from tests.bench.traffic import AppTraffic, Product, Traffic
from tests.bench.visits import ASSET_MARKER, asset_visit

_ORIGINAL = "ip_assets"
SEALED, UNSEALED = f"{_ORIGINAL}_sealed", f"{_ORIGINAL}_unsealed"
_SHARE = next(share for product, share in PRODUCTS if product.app_id == _ORIGINAL)
_PEOPLE = 6_000
_MARK = ("x-pii", "sealed")


def write_catalogs(folder: Path) -> None:
    """Writes the catalogs that come with Weir, and both copies, into a new folder."""
    folder.mkdir(parents=True)
    for catalog in CATALOGS.glob("*.yaml"):
        copyfile(catalog, folder / catalog.name)
    declared = yaml.safe_load((CATALOGS / f"{_ORIGINAL}.yaml").read_text())
    for app_id, copied in ((SEALED, declared), (UNSEALED, _without_mark(declared))):
        copy = {**copied, "app_id": app_id}
        (folder / f"{app_id}.yaml").write_text(yaml.safe_dump(copy, sort_keys=False))


@dataclass
class Sealing:
    """One entry for each run of each app."""

    events_per_second: dict[str, list[float]] = field(
        default_factory=lambda: {SEALED: [], UNSEALED: []}
    )
    cpu_us: dict[str, list[float]] = field(default_factory=lambda: {SEALED: [], UNSEALED: []})

    @property
    def ratio(self) -> Figure:
        """Median of events per second with sealing over that without."""
        return ratio_of_medians(self.events_per_second[SEALED], self.events_per_second[UNSEALED])

    @property
    def cpu_ratio(self) -> Figure:
        """Median CPU of an event, of all processes together, with sealing over that without."""
        return ratio_of_medians(self.cpu_us[SEALED], self.cpu_us[UNSEALED])


class SealingBench:
    """Sends to both apps, first to the one, next time first to the other."""

    def __init__(
        self,
        address: str,
        token: str,
        seed: int,
        traffic: Traffic,
        stored: StoredCounts,
        processes: Processes,
    ) -> None:
        """Of `traffic`, the people's answers have been recorded."""
        self._address = address
        self._token = token
        self._traffic = traffic
        # The same people and doings for both.
        self._assets = {
            app_id: AppTraffic(
                Product(_ORIGINAL, _SHARE, _PEOPLE, 0, asset_visit, ASSET_MARKER), seed
            )
            for app_id in (SEALED, UNSEALED)
        }
        self._stored = stored
        self._processes = processes

    async def measure(self, runs: int, frames: int) -> Sealing:
        """`runs` pairs of runs of about `frames` frames, after one that warms up. Raises WrongCountsError."""
        results = Sealing()
        for app_id in self._assets:
            await self._run(app_id, frames, Sealing())
        await self._stored.wait_for_partitions(timeout_seconds=PARTITIONS_SECONDS)
        for number in range(runs):
            for app_id in (SEALED, UNSEALED) if number % 2 else (UNSEALED, SEALED):
                await self._run(app_id, frames, results)
        return results

    async def _run(self, app_id: str, frames: int, results: Sealing) -> None:
        now_us = time.time_ns() // 1_000
        period = FRAME_EVENTS, now_us - SPAN_US, now_us
        assets = self._assets[app_id].frames(round(frames * _SHARE), *period)
        others = self._traffic.frames(round(frames * (1 - _SHARE)), *period)
        streams = [replace(assets, app_id=app_id), *others]

        async def send_all() -> int:
            sending = (send(self._address, self._token, stream) for stream in streams)
            return sum(sent.stored for sent in await asyncio.gather(*sending))

        run = await run_until_counted(send_all, self._stored, self._processes)
        results.events_per_second[app_id].append(run.events / run.seconds)
        results.cpu_us[app_id].append(sum(run.cpu_us.values()))


def _without_mark(node: Any) -> Any:
    """A part of a catalog, with each sealed property as one that is stored as it comes."""
    if isinstance(node, dict):
        return {
            name: _without_mark(value) for name, value in node.items() if (name, value) != _MARK
        }
    return [_without_mark(value) for value in node] if isinstance(node, list) else node
