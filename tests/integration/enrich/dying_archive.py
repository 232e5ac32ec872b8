"""Run as a module: archives, or erases a person, and dies by SIGKILL when a step is done."""

import asyncio
import os
import signal
import sys
from typing import Any

from libs.objects import ObjectStore
from libs.stores.postgres import create_engine
from services.enrich.archive.archiver import Archiver
from services.enrich.archive.parquet import ParquetFiles
from services.enrich.archive.postgres import PostgresArchive
from tests.support.archive_erasures import erase
from tests.support.archives import archive, objects_of


def die_after(owner: Any, name: str, *, nth: int = 1) -> None:
    """Replaces a method by one that does the same, and then dies, the `nth` time."""
    original = getattr(owner, name)
    left = [nth]

    async def dying(*arguments: Any) -> Any:
        found = original(*arguments)
        if asyncio.iscoroutine(found):
            found = await found
        left[0] -= 1
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)
        return found

    def dying_now(*arguments: Any) -> Any:
        original(*arguments)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(owner, name, dying if asyncio.iscoroutinefunction(original) else dying_now)


def set_trap(step: str, store: type[ObjectStore]) -> None:
    """Makes the step the last one."""
    match step:
        case "begin" | "take" | "replace":
            die_after(PostgresArchive, step)
        case "contents":
            die_after(ParquetFiles, step)
        case "put" | "move":
            die_after(store, step)
        case "manifest":
            die_after(store, "put", nth=2)
        case "finished":
            die_after(Archiver, "finish")


async def main(database_url: str, url: str, step: str, task: str = "archive") -> None:
    set_trap(step, type(objects_of(url)))
    engine = create_engine(database_url, service="enrich")
    await (erase if task == "erase" else archive)(engine, url)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
