"""The archive's process, as enrich starts it: Parquet takes 50 MB that the service need not have.

It ends with its parent, and also if that is killed.
"""

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable, Mapping

from libs.jobs.job import JobError
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
            assert process.stdout is not None
            process.stdin.write(line)
            # Stays open: the process takes its end for the end of this one.
            answer = await process.stdout.read()
            status = await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
                await asyncio.shield(process.wait())
        if not answer:
            raise JobError(f"the archive's process ended with status {status}")
        found = json.loads(answer)
        if "error" in found:
            raise JobError(found["error"])
        return {name: int(number) for name, number in found.items()}
