"""The archive's process, as enrich starts it: Parquet takes 50 MB that the service need not have.

It ends with its parent, and also if that is killed.
"""

import asyncio
import json
import os
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from libs.jobs.job import JobError
from services.enrich.archive.frames import ANSWER, read_frame
from services.enrich.settings import EnrichSettings

# Sends a line, and returns the numbers of the answer. Raises JobError.
Ask = Callable[[bytes], Awaitable[Mapping[str, int]]]
MODULE = "services.enrich.archive"


class ArchiveProcess:
    """Starts a process for each question."""

    def __init__(self, settings: EnrichSettings) -> None:
        self._variables = {
            EnrichSettings.variable("database_url"): settings.database_url.get_secret_value(),
            EnrichSettings.variable("archive_url"): settings.archive_url or "",
            EnrichSettings.variable("log_level"): settings.log_level,
        }

    async def ask(self, line: bytes) -> Mapping[str, int]:
        """The numbers that the process answers. It is killed if this is cancelled. Raises JobError with what
        it says instead, or how it ended."""
        async with self._started(line) as process:
            assert process.stdout is not None
            answer = await process.stdout.read()
            status = await process.wait()
        if not answer:
            raise JobError(f"the archive's process ended with status {status}")
        return {name: int(number) for name, number in _found(answer).items()}

    async def stream(self, line: bytes) -> AsyncGenerator[tuple[bytes, bytes]]:
        """The frames that the process writes, as they are wanted, but for the last one. It is killed if this
        is closed before. Raises JobError with what it says instead, or that it died."""
        async with self._started(line) as process:
            assert process.stdout is not None
            try:
                while (frame := await read_frame(process.stdout))[0] != ANSWER:
                    yield frame
            except asyncio.IncompleteReadError:
                status = await process.wait()
                raise JobError(f"the archive's process ended with status {status}") from None
            _found(frame[1])

    @asynccontextmanager
    async def _started(self, line: bytes) -> AsyncIterator[asyncio.subprocess.Process]:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            MODULE,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, **self._variables},
        )
        try:
            assert process.stdin is not None
            process.stdin.write(line)
            # Stays open: the process takes its end for the end of this one.
            yield process
        finally:
            if process.returncode is None:
                process.kill()
                # Reads what is left: a pipe that is full does not end, and the process is waited for with it.
                await asyncio.shield(process.communicate())


def _found(answer: bytes) -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads(answer)
    if "error" in found:
        raise JobError(found["error"])
    return found
