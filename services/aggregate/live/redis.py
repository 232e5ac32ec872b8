"""Changes of cells on their way to watchers, in every process of aggregate: a Redis channel for each app."""

import time
from collections.abc import Collection, Iterator, Sequence

import orjson

from libs.stores.redis_commands import RedisCommands
from services.aggregate.model import Cell, CellState

# A message of about 300 KB: Redis serves other commands in between.
_CELLS_PER_MESSAGE = 2_000
_WATCHED_SECONDS = 5.0


def live_channel(app_id: str) -> str:
    """The channel to which changes of an app's cells are published."""
    return f"aggregate:live:{app_id}"


class RedisChangePublisher:
    """Implements `ports.ChangePublisher`."""

    def __init__(self, commands: RedisCommands) -> None:
        self._commands = commands
        self._asked_again_at = 0.0

    async def has_watchers(self) -> bool:
        """See the port. All that listen do so by pattern; once there are any, they are taken to stay for some
        seconds."""
        now = time.monotonic()
        if now >= self._asked_again_at:
            [patterns] = await self._commands.run(("PUBSUB", "NUMPAT"))
            if not patterns:
                return False
            self._asked_again_at = now + _WATCHED_SECONDS
        return True

    async def publish(self, states: Sequence[CellState]) -> None:
        """See the port. One round trip for all apps."""
        by_app: dict[str, list[CellState]] = {}
        for state in states:
            by_app.setdefault(state.cell.app_id, []).append(state)
        await self._commands.run(
            *(
                ("PUBLISH", live_channel(app_id), encode_states(part))
                for app_id, of_app in by_app.items()
                for part in _parts(of_app)
            )
        )


def encode_states(states: Sequence[CellState]) -> bytes:
    """States of one app as a message of its channel: a JSON array of
    `[rollup, cell id, bucket start in seconds, dimensions, version, metrics]`."""
    return orjson.dumps(
        [
            (
                state.cell.rollup,
                state.cell.watched_id.hex(),
                state.cell.bucket,
                orjson.Fragment(state.cell.dimensions),
                state.version,
                state.values,
            )
            for state in states
        ]
    )


def decode_states(app_id: str, message: bytes, rollups: Collection[str]) -> list[CellState]:
    """Those states of a channel message that are of the rollups. Raises ValueError for anything else."""
    return [
        CellState(
            Cell(bytes.fromhex(cell_id), app_id, rollup, bucket, orjson.dumps(dimensions)),
            version,
            values,
        )
        for rollup, cell_id, bucket, dimensions, version, values in orjson.loads(message)
        if rollup in rollups
    ]


def _parts(states: Sequence[CellState]) -> Iterator[Sequence[CellState]]:
    for start in range(0, len(states), _CELLS_PER_MESSAGE):
        yield states[start : start + _CELLS_PER_MESSAGE]
