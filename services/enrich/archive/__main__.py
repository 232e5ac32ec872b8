"""The archive's process: `python -m services.enrich.archive`, one line of JSON in, one or frames out."""

import asyncio
import json
import os
import sys
import threading
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

import structlog

from libs.common.errors import ConfigurationError
from libs.objects import ObjectStoreError
from libs.objects.opening import open_objects
from libs.runtime.logs import configure_logs
from libs.stores.postgres import POSTGRES_DOWN, create_engine
from services.enrich.archive.archiver import Archiver
from services.enrich.archive.eraser import Eraser
from services.enrich.archive.exporter import Exporter
from services.enrich.archive.frames import ANSWER, write_frame
from services.enrich.archive.inspection import check
from services.enrich.archive.model import ArchiveError
from services.enrich.archive.parquet import ParquetFiles
from services.enrich.archive.postgres import PostgresArchive
from services.enrich.archive.request import archive_request, command_of, erased_of, exported_of
from services.enrich.settings import EnrichSettings

log = structlog.get_logger()
_EXPORT = "export"


async def answer(
    settings: EnrichSettings, command: str, arguments: Mapping[str, Any]
) -> Mapping[str, object]:
    """What a request comes to: numbers by name, or an `error`. An export's rows are written before."""
    engine = create_engine(settings.database_url.get_secret_value(), service="enrich-archive")
    try:
        objects = open_objects(settings.archive_url or "", EnrichSettings.variable("archive_url"))
        journal, files = PostgresArchive(engine), ParquetFiles()
        if command == _EXPORT:
            await Exporter(objects, files, sys.stdout.buffer).export(exported_of(arguments["who"]))
            return {}
        archiver = Archiver(journal, objects, files)
        if command == "erase":
            eraser = Eraser(journal, archiver, files)
            found = await eraser.erase(erased_of(arguments["who"]), arguments["seconds"])
            return asdict(found)
        if command == "expire":
            return asdict(await archiver.expire(datetime.fromisoformat(arguments["before"]).date()))
        if command == "check":
            return await check(journal, objects, files)
        request = archive_request(arguments)
        return asdict(await archiver.archive(request.limits, request.span, request.apps))
    except (ArchiveError, ObjectStoreError, ConfigurationError) as error:
        return {"error": str(error)}
    except POSTGRES_DOWN:
        return {"error": "Postgres does not answer"}
    except Exception as error:
        # Messages of other errors may quote rows.
        log.error("the archive failed", command=command, exc_info=True)
        return {"error": f"{type(error).__name__} in the archive's process: see its log"}
    finally:
        await engine.dispose()


def _end_with_parent() -> None:
    # Not by `sys.stdin`, whose lock the interpreter wants when it ends.
    while os.read(0, 1024):
        pass
    os._exit(1)


def main() -> None:
    """Answers the request of the first line."""
    settings = EnrichSettings()
    configure_logs("enrich", settings.log_level)
    line = sys.stdin.buffer.readline()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    command, arguments = command_of(line)
    found = json.dumps(asyncio.run(answer(settings, command, arguments)))
    if command == _EXPORT:
        write_frame(sys.stdout.buffer, ANSWER, found.encode())
    else:
        sys.stdout.write(found)


if __name__ == "__main__":
    main()
