"""Redis commands that run for every chunk, at a fraction of the CPU that redis-py takes for each of them."""

import asyncio
from collections.abc import Sequence
from typing import Any

import hiredis
from redis.exceptions import ResponseError

from libs.stores.redis_connection import Argument, RedisConnection
from libs.stores.redis_script import RedisScript

# As long as Redis may take for a command, an fsync on a busy disk included.
_TIMEOUT_SECONDS = 10.0

Command = tuple[Argument, ...]


class RedisCommands:
    """Commands over connections of their own, which are opened when they are first needed, and again whenever
    they break. What is sent together leaves in one write. Only scripts are repeated: when a command fails,
    the caller does all of its work again."""

    def __init__(self, redis_url: str, *, timeout_seconds: float = _TIMEOUT_SECONDS) -> None:
        """A command that is not answered in `timeout_seconds` fails.

        Raises ConfigurationError if the URL cannot be used.
        """
        self._connection = RedisConnection(redis_url, timeout_seconds=timeout_seconds)
        # Other commands would wait behind one that blocks.
        self._blocking = RedisConnection(redis_url, timeout_seconds=timeout_seconds)

    async def run(self, *commands: Command) -> list[Any]:
        """The replies, in the order of the commands, as Redis sends them by version 2 of its protocol.

        Raises ConnectionError, and the first error reply as ResponseError; the other commands are carried out
        all the same.
        """
        return await _replies(self._connection, commands) if commands else []

    async def run_blocking(self, command: Command) -> Any:
        """The reply of a command that may wait for something, for less than ten seconds; one at a time."""
        [reply] = await _replies(self._blocking, (command,))
        return reply

    def script(self, text: str) -> RedisScript:
        """A script that runs over the connection of `run`."""
        return RedisScript(self._connection, text)

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._connection.aclose()
        await self._blocking.aclose()


async def _replies(connection: RedisConnection, commands: Sequence[Command]) -> list[Any]:
    await connection.start()
    futures = [connection.execute(*command) for command in commands]
    replies = await asyncio.gather(*futures, return_exceptions=True)
    for reply in replies:
        if isinstance(reply, hiredis.ReplyError):
            raise ResponseError(str(reply))
        if isinstance(reply, BaseException):
            raise reply
    return replies
