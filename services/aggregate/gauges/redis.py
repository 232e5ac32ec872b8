"""Who is there now, in Redis: sorted sets of who was seen when, for each gauge and group.

All keys of an app's gauges have the app's id in braces, so that Redis Cluster keeps them together.
"""

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path

import orjson

from libs.common.clock import Clock
from libs.stores.redis_commands import RedisCommands
from libs.stores.redis_script import RedisScript
from services.aggregate.gauges.plan import GaugePlan
from services.aggregate.gauges.presence import Presence, Wanted
from services.aggregate.gauges.signs import GaugeSigns, Moments

_FOLDER = Path(__file__).parent
# A process that is at a gauge says so again more often than that.
_LEASE_MS = 30_000
# For how long a gauge may be read that no process declares; those that declare it renew it every second.
_READY_MS = 30_000
# For how long processes may work with different catalogs.
_FRESH_MS = 600_000


def gauges_key(app_id: str) -> str:
    """What all keys of an app's gauges begin with."""
    return f"aggregate:{{{app_id}}}:gauge:"


class RedisPresence:
    """Implements `PresenceNotes`, `PresenceReader` and `PresenceRebuilds`. At most `max_groups` of each gauge
    are counted apart."""

    def __init__(
        self,
        commands: RedisCommands,
        clock: Clock,
        max_groups: int,
    ) -> None:
        self._commands = commands
        self._clock = clock
        self._max_groups = max_groups
        self._write = commands.script((_FOLDER / "write.lua").read_text())
        self._read = commands.script((_FOLDER / "read.lua").read_text())
        self._rebuild = commands.script((_FOLDER / "rebuild.lua").read_text())

    async def note(self, signs: Sequence[GaugeSigns]) -> None:
        """See the port. One script for each app."""
        now_us = self._clock.now_us()
        by_app: dict[str, list[object]] = {}
        for each in signs:
            plan = each.plan
            after_us = now_us - plan.silence_us
            entered, left = (_latest(moments, after_us) for moments in (each.entered, each.left))
            if entered or left:
                written = [_key(plan), plan.silence_us, _kind(plan), entered, left]
                by_app.setdefault(plan.app_id, []).append(written)
        # In one write, so that Redis has them on disk at once.
        await asyncio.gather(
            *(
                self._write.run(
                    [gauges_key(app_id)], (now_us, self._max_groups, orjson.dumps(gauges))
                )
                for app_id, gauges in by_app.items()
            )
        )

    async def read(self, app_id: str, wanted: Sequence[Wanted]) -> Sequence[Presence | None]:
        """See the port."""
        asked = [(_key(plan), plan.silence_us, group) for plan, group in wanted]
        found = await self._read.run(
            [gauges_key(app_id)], [self._clock.now_us(), orjson.dumps(asked)]
        )
        return [None if each is None else _presence(each) for each in found]

    async def renew(self, plans: Sequence[GaugePlan]) -> None:
        """See the port."""
        # Those of another run of Redis as well: nothing reads them.
        if plans:
            await self._commands.run(
                *(
                    ("PEXPIRE", _full_key(plan) + part, _READY_MS)
                    for plan in plans
                    for part in (":ready", ":settled")
                )
            )

    async def take_up(self, plans: Sequence[GaugePlan]) -> None:
        """See the port."""
        for plan in plans:
            key = _full_key(plan)
            # In this order: a rebuild that ends in between leaves the gauge to be read once more.
            await self._commands.run(
                ("SET", f"{key}:fresh", 1, "PX", _FRESH_MS), ("DEL", f"{key}:settled")
            )

    async def lacking(self, plans: Sequence[GaugePlan]) -> Sequence[GaugePlan]:
        """See the port."""
        if not plans:
            return []
        keys = [
            tuple(_full_key(plan) + part for part in (":ready", ":settled", ":fresh"))
            for plan in plans
        ]
        run, *kept = await self._commands.run(
            ("INFO", "server"), *(("MGET", *each) for each in keys)
        )
        current = _run_id(run)
        return [
            plan
            for plan, (ready, settled, fresh) in zip(plans, kept, strict=True)
            if ready != current or (settled != current and fresh is None)
        ]

    async def begin(self, plan: GaugePlan) -> "RedisRebuild | None":
        """See the port."""
        key = _full_key(plan)
        token = secrets.token_hex(16)
        taken, run = await self._commands.run(
            ("SET", f"{key}:building", token, "NX", "PX", _LEASE_MS), ("INFO", "server")
        )
        return None if taken is None else RedisRebuild(self._rebuild, key, token, _run_id(run))


class RedisRebuild:
    """Implements `Rebuild`: a key that is lost together with everything that was noted."""

    def __init__(self, script: RedisScript, key: str, token: str, run: bytes) -> None:
        self._script = script
        self._key = key
        self._known = (token, run)

    async def go_on(self) -> bool:
        """See the port."""
        return bool(await self._script.run([self._key], [*self._known, _LEASE_MS, 0, 0]))

    async def finish(self) -> bool:
        """See the port."""
        return bool(await self._script.run([self._key], [*self._known, 0, _READY_MS, _FRESH_MS]))


def _latest(moments: Moments, after_us: int) -> Mapping[str, Mapping[str, int]]:
    """Those that are not too old to count."""
    latest = {}
    for group, members in moments.items():
        recent = {member: moment for member, moment in members.items() if moment > after_us}
        if recent:
            latest[group] = recent
    return latest


def _key(plan: GaugePlan) -> str:
    return f"{plan.gauge.name}:{plan.definition}"


def _full_key(plan: GaugePlan) -> str:
    return gauges_key(plan.app_id) + _key(plan)


def _kind(plan: GaugePlan) -> str:
    if not plan.gauge.leaves:
        return "seen"
    return "exclusive" if plan.gauge.exclusive else "stay"


def _presence(found: Sequence[object]) -> Presence:
    count, other, *pairs = found
    groups = {
        group.decode(): int(str(there))
        for group, there in zip(pairs[::2], pairs[1::2], strict=True)
        if isinstance(group, bytes)
    }
    return Presence(int(str(count)), int(str(other)), groups)


def _run_id(info: bytes) -> bytes:
    """Which run of Redis it is: it may come back with an older copy of its data, or with none."""
    return info.partition(b"run_id:")[2].split(b"\r\n", 1)[0]
