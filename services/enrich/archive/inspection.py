"""What is in the archive, and whether it is as its manifests say: by the store alone, without a database."""

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Protocol

from libs.objects import ObjectMissing, ObjectStore
from libs.objects.port import read_all
from services.enrich.archive.archiver import EventFiles
from services.enrich.archive.layout import FORM, UNFINISHED, file_key
from services.enrich.archive.model import ArchivedFile, ArchiveError
from services.enrich.archive.reading import downloaded

_MANIFEST = "/manifest.json"


@dataclass(frozen=True, slots=True)
class ManifestFile:
    """A file as its manifest describes it."""

    key: str
    events: int
    size_bytes: int
    sha256: str
    digest: int


@dataclass(frozen=True, slots=True)
class ArchivedDay:
    """A day of an app."""

    app_id: str
    day: date
    files: tuple[ManifestFile, ...]

    @property
    def events(self) -> int:
        """How many events all files have."""
        return sum(file.events for file in self.files)

    @property
    def size_bytes(self) -> int:
        """Of all files."""
        return sum(file.size_bytes for file in self.files)


@dataclass(slots=True)
class Verified:
    """What was looked at, and what is wrong: `key: what`."""

    days: int = 0
    files: int = 0
    events: int = 0
    wrong: list[str] = field(default_factory=list)


async def archived_days(objects: ObjectStore, app_id: str = "") -> list[ArchivedDay]:
    """The days that have a manifest, by app and day. Raises ArchiveError for one that cannot be read."""
    prefix = f"app={app_id}" if app_id else ""
    keys = [info.key async for info in objects.list(prefix) if info.key.endswith(_MANIFEST)]
    return [await _day(objects, key) for key in sorted(keys)]


async def verify(objects: ObjectStore, files: EventFiles, app_id: str = "") -> Verified:
    """Reads every file, and compares it with its manifest; looks for files that no manifest has."""
    found = Verified()
    listed = set()
    for day in await archived_days(objects, app_id):
        found.days += 1
        for file in day.files:
            listed.add(file.key)
            found.files += 1
            if problem := await _problem(objects, files, file):
                found.wrong.append(f"{file.key}: {problem}")
            else:
                found.events += file.events
    async for key in _event_files(objects, app_id):
        if key not in listed:
            found.wrong.append(f"{key}: no manifest has it")
    return found


class PublishedFiles(Protocol):
    """See `postgres.PostgresArchive`."""

    async def published(self) -> Sequence[ArchivedFile]:
        """All files that readers are to find, by the journal."""
        ...


async def check(journal: PublishedFiles, objects: ObjectStore, files: EventFiles) -> dict[str, int]:
    """What `verify` counts, if all is as it should be and the manifests have every file of the journal.
    Raises ArchiveError with the first problem, and how many there are."""
    expected = {file_key(file) for file in await journal.published()}
    found = await verify(objects, files)
    listed = {file.key for day in await archived_days(objects) for file in day.files}
    wrong = [*found.wrong, *(f"{key}: no manifest has it" for key in sorted(expected - listed))]
    if wrong:
        raise ArchiveError(f"{wrong[0]}; {len(wrong) - 1} more problems in the archive")
    return {"days": found.days, "files": found.files, "events": found.events}


async def _event_files(objects: ObjectStore, app_id: str) -> AsyncIterator[str]:
    async for info in objects.list(f"app={app_id}" if app_id else ""):
        if info.key.endswith(".parquet") and not info.key.startswith(f"{UNFINISHED}/"):
            yield info.key


async def _problem(objects: ObjectStore, files: EventFiles, file: ManifestFile) -> str:
    try:
        async with downloaded(objects, file.key, file.sha256) as content:
            found = files.contents(content)
    except ObjectMissing:
        return "it is not there"
    except ArchiveError:
        return "its bytes are not those of its SHA-256"
    if (found.events, found.digest) != (file.events, file.digest) if found else file.events:
        return "its events are not those of its manifest"
    return ""


async def _day(objects: ObjectStore, key: str) -> ArchivedDay:
    try:
        document: dict[str, Any] = json.loads(await read_all(objects, key))
        if document["form"] != FORM:
            raise ArchiveError(f"{key}: its form is of a newer release")
        folder = key.removesuffix(_MANIFEST)
        files = tuple(
            ManifestFile(
                f"{folder}/{file['name']}",
                int(file["events"]),
                int(file["size_bytes"]),
                str(file["sha256"]),
                int(file["rows_digest"]),
            )
            for file in document["files"]
        )
        return ArchivedDay(document["app_id"], date.fromisoformat(document["date"]), files)
    except (ValueError, KeyError, TypeError):
        raise ArchiveError(f"{key}: it is no manifest") from None
