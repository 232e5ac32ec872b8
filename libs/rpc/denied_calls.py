"""Puts on record that calls were not permitted, without a flood (ADR 48)."""

import asyncio
import uuid

from libs.audit import Action, AuditEntry, Caller, Outcome
from libs.audit.denials import DenialCounter, Denied, Kind
from libs.catalog import Catalogs
from libs.common.clock import Clock
from libs.common.errors import Unavailable
from libs.common.ids import new_uuid7
from libs.rpc.audited_reads import add_to_stream
from libs.runtime.loops import repeat
from libs.stores.redis_client import RedisClient

_INTERVAL_SECONDS = 1.0


class DeniedCalls:
    """Counts the denied calls of a process and writes entries about them to the stream that privacy reads.
    The caller's answer does not wait for it; while Redis is away, the counts do."""

    def __init__(self, redis: RedisClient, catalogs: Catalogs, clock: Clock) -> None:
        self._redis = redis
        self._catalogs = catalogs
        self._clock = clock
        self._counter = DenialCounter()

    def note(self, rpc: str, app_id: str, permission: str, caller: Caller) -> None:
        """A call was denied. One that names no app of the catalogs asked for nothing that exists, and its
        `app_id` may be any text: it is left out."""
        if app_id in self._catalogs.current.catalogs:
            kind = Kind(app_id, caller.actor, rpc, permission)
            self._counter.add(kind, caller, self._clock.now_us())

    async def run(self, stop: asyncio.Event) -> None:
        """Writes entries until `stop` is set, and then those of all that has none."""
        await repeat(
            self.step,
            _INTERVAL_SECONDS,
            stop,
            transient=(Unavailable,),
            warning="denied calls wait for the audit trail",
        )
        try:
            for denied in self._counter.everything():
                await self._write(denied)
        except Unavailable:
            pass

    async def step(self) -> None:
        """Writes the entries that are due. Raises Unavailable if Redis does not answer."""
        for denied in self._counter.due(self._clock.now_us()):
            await self._write(denied)

    async def _write(self, denied: Denied) -> None:
        now_us = self._clock.now_us()
        await add_to_stream(self._redis, _entry(denied, now_us))
        self._counter.written(denied, now_us)


def _entry(denied: Denied, now_us: int) -> AuditEntry:
    kind = denied.kind
    details: dict[str, str | int] = {"rpc": kind.rpc.removeprefix("/"), "times": denied.times}
    if kind.permission:
        details["permission"] = kind.permission
    return AuditEntry(
        app_id=kind.app_id,
        entry_id=uuid.UUID(bytes=new_uuid7()),
        occurred_at_us=now_us,
        caller=denied.caller,
        action=Action.CALL_DENIED,
        outcome=Outcome.DENIED,
        details=details,
    )
