"""Leaves an entry in the audit trail for a read of personal data, before it is answered."""

import asyncio
from collections.abc import Awaitable, Callable

import grpc

from libs.audit import Action, AuditEntry, Auditor, Details
from libs.audit.line import to_line
from libs.common.errors import Unavailable
from libs.rpc.caller import caller_of
from libs.stores.redis_client import REDIS_DOWN, RedisClient
from libs.streams.names import AUDIT_STREAM

# Less than a caller waits for an answer.
_TIMEOUT_SECONDS = 5.0


async def add_to_stream(redis: RedisClient, entry: AuditEntry) -> None:
    """Returns when the entry is in the stream that privacy reads. Raises Unavailable if it cannot be."""
    try:
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            # May be repeated on a broken connection: privacy keeps an entry once, by its id.
            await redis.xadd(AUDIT_STREAM, {"entry": to_line(entry)})
    except REDIS_DOWN as error:
        raise Unavailable(
            "the audit trail cannot be written, and what is personal is not answered without it",
            retry_after_seconds=1.0,
        ) from error


class ReadNote:
    """Puts on record what a call reads: once, however often it is asked to with the same details."""

    def __init__(self, write: Callable[[Details], Awaitable[None]]) -> None:
        self._write = write
        self._written: Details | None = None

    async def __call__(self, details: Details) -> None:
        """Returns when it is on record. Raises Unavailable if it cannot be: then the call must not be
        answered."""
        if details != self._written:
            await self._write(details)
            self._written = details


class AuditedReads:
    """Writes entries to the stream that privacy reads."""

    def __init__(self, redis: RedisClient, auditor: Auditor) -> None:
        self._redis = redis
        self._auditor = auditor

    def noting(self, action: Action, app_id: str, context: grpc.aio.ServicerContext) -> ReadNote:
        """For servicers that know only while they answer whether the call reads what is personal."""

        async def write(details: Details) -> None:
            await self.note(action, app_id, context, details=details)

        return ReadNote(write)

    async def note(
        self,
        action: Action,
        app_id: str,
        context: grpc.aio.ServicerContext,
        *,
        subject_id: str = "",
        details: Details | None = None,
    ) -> None:
        """Returns when the entry is in the stream. Raises Unavailable if it cannot be written: then the call
        must not be answered."""
        entry = self._auditor.entry(
            action, app_id, caller_of(context), subject_id=subject_id, details=details
        )
        await add_to_stream(self._redis, entry)
