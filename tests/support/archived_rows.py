"""Rows of people in the archive, for tests."""

from collections.abc import AsyncGenerator

from services.enrich.archive.rows import ArchivedRows


async def _none(_: bytes) -> AsyncGenerator[tuple[bytes, bytes]]:
    raise AssertionError("there is no archived event, so no process is started")
    yield b"", b""


NO_ARCHIVE = ArchivedRows(_none)
