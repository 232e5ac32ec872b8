"""Live counters in Redis: a hash with the newest buckets, and a channel with every change."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import orjson
from redis.asyncio import Redis

from libs.common.sharding import shard_key
from services.aggregate.model import Cell, CellState

_SCRIPT = Path(__file__).with_name("publish_script.lua")
# Longer than the longest bucket, so that only apps that fell silent go.
_KEPT_SECONDS = 35 * 86_400
# One call keeps Redis busy for about 5 µs a cell, and everybody else waits.
_CELLS_PER_CALL = 2_000


def live_key(app_id: str) -> str:
    """The hash with an app's cells in the newest bucket of each rollup."""
    return shard_key("aggregate", 0, "live", app_id)


def live_channel(app_id: str) -> str:
    """Where changes of an app's cells are published."""
    return f"aggregate:live:{app_id}"


class RedisLiveCounters:
    """Implements `ports.LiveCounters`."""

    def __init__(self, redis: Redis) -> None:
        self._script = redis.register_script(_SCRIPT.read_text())

    async def publish(self, states: Sequence[CellState]) -> None:
        """See the port. Old buckets are published too, but only the newest ones are kept."""
        by_app: dict[str, list[CellState]] = {}
        for state in states:
            by_app.setdefault(state.cell.app_id, []).append(state)
        for app_id, of_app in by_app.items():
            for part in _parts(of_app):
                await self._publish(app_id, part)

    async def _publish(self, app_id: str, states: Sequence[CellState]) -> None:
        newest: dict[str, int] = {}
        for state in states:
            cell = state.cell
            newest[cell.rollup] = max(newest.get(cell.rollup, cell.bucket), cell.bucket)
        arguments: list[str | bytes | int] = [
            live_channel(app_id),
            encode_states(states),
            _KEPT_SECONDS,
        ]
        for state in states:
            cell = state.cell
            if cell.bucket == newest[cell.rollup]:
                content = {"dimensions": orjson.Fragment(cell.dimensions), "metrics": state.values}
                arguments += (
                    cell.rollup,
                    cell.bucket,
                    cell.cell_id.hex(),
                    state.version,
                    orjson.dumps(content),
                )
        await self._script(keys=[live_key(app_id)], args=arguments)


def encode_states(states: Sequence[CellState]) -> bytes:
    """States of one app as a message of its channel: a JSON array of
    `[rollup, cell id, bucket start in seconds, dimensions, version, metrics]`."""
    return orjson.dumps(
        [
            (
                state.cell.rollup,
                state.cell.cell_id.hex(),
                state.cell.bucket,
                orjson.Fragment(state.cell.dimensions),
                state.version,
                state.values,
            )
            for state in states
        ]
    )


def decode_states(app_id: str, message: bytes) -> list[CellState]:
    """The states of a channel message. Raises ValueError for anything else."""
    return [
        CellState(
            Cell(bytes.fromhex(cell_id), app_id, rollup, bucket, orjson.dumps(dimensions)),
            version,
            values,
        )
        for rollup, cell_id, bucket, dimensions, version, values in orjson.loads(message)
    ]


def _parts(states: Sequence[CellState]) -> Iterator[Sequence[CellState]]:
    for start in range(0, len(states), _CELLS_PER_CALL):
        yield states[start : start + _CELLS_PER_CALL]
