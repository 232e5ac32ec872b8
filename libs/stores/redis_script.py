"""A Lua script that is called over a `RedisConnection`."""

import asyncio
import hashlib
from collections.abc import Sequence
from typing import Any

import hiredis
from redis.exceptions import ResponseError

from libs.stores.redis_connection import Argument, RedisConnection

# After a connection breaks, it is open again in this time unless Redis is away.
_PAUSES_SECONDS = (0.05, 0.1, 0.2)


class RedisScript:
    """Sends the script's digest, and its text only to a server that does not know it."""

    def __init__(self, connection: RedisConnection, text: str) -> None:
        """The connection is opened when it is needed, and the caller's to close."""
        self._connection = connection
        self._text = text
        self._digest = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()

    async def run(self, keys: Sequence[str], arguments: Sequence[Argument]) -> Any:
        """The script's reply. It runs again, up to three times, if the connection breaks before the reply, so
        it must be safe to repeat with the same arguments.

        Raises ConnectionError without a connection or when it breaks each time, ResponseError for an error
        reply.
        """
        await self._connection.start()
        try:
            return await self._run_repeatedly(keys, arguments)
        except hiredis.ReplyError as error:
            raise ResponseError(str(error)) from None

    async def _run_repeatedly(self, keys: Sequence[str], arguments: Sequence[Argument]) -> Any:
        for pause in _PAUSES_SECONDS:
            try:
                return await self._run(keys, arguments)
            except ConnectionError:
                await asyncio.sleep(pause)
        return await self._run(keys, arguments)

    async def _run(self, keys: Sequence[str], arguments: Sequence[Argument]) -> Any:
        execute = self._connection.execute
        try:
            return await execute("EVALSHA", self._digest, len(keys), *keys, *arguments)
        except hiredis.ReplyError as error:
            if not str(error).startswith("NOSCRIPT"):
                raise
        # A server that has restarted; it knows the script from then on.
        return await execute("EVAL", self._text, len(keys), *keys, *arguments)
