"""An export of a person of the app `arena`, with real stores and made-up services; a test is called after
each step that others could see."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from libs.audit import Action, Auditor, Caller
from libs.catalog import Catalogs
from libs.common.clock import SystemClock
from libs.common.subject_data import Export, HeldRows
from libs.objects.folder import FolderStore
from libs.stores.postgres import create_engine
from services.privacy.exports.exporter import Exporter
from services.privacy.exports.handler import ExportHandler
from services.privacy.exports.postgres import PostgresExportFiles, PostgresExportProgress
from services.privacy.exports.work import ExportWork
from services.privacy.requests.model import Kind, State, SubjectRequest
from services.privacy.requests.postgres import PostgresRequests
from tests.support.carrying_out import carry_out
from tests.support.pseudonyms import PSEUDONYMS

PERSON = PSEUDONYMS.pseudonym("arena", "ann")
CREATED = datetime(2026, 11, 22, 12, tzinfo=UTC)
# What the services hold: by kind, so many rows.
ROWS = {"enrich": ("events", 700), "ingest": ("dead_letters", 2), "aggregate": ("numbers", 3)}
OnStep = Callable[[str], Awaitable[None]]


class Watched:
    """An object whose coroutine methods call the test when they have ended."""

    def __init__(self, inner: Any, on_step: OnStep) -> None:
        self._inner = inner
        self._on_step = on_step

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        method = getattr(self._inner, name)

        async def watched(*arguments: Any) -> Any:
            result = await method(*arguments)
            await self._on_step(name)
            return result

        return watched


class MadeUpService:
    """Holds ROWS; its streams are empty."""

    def __init__(self, name: str, on_step: OnStep) -> None:
        self._name = name
        self._on_step = on_step

    async def settled(self, appended_before: datetime) -> bool:
        await self._on_step("settled")
        return True

    async def export(self, export: Export) -> AsyncIterator[HeldRows]:
        kind, rows = ROWS[self._name]
        for start in range(0, rows, 350):
            numbers = range(start, min(rows, start + 350))
            yield HeldRows(f"{self._name}.x", kind, [b'{"n":%d}' % number for number in numbers])
            await self._on_step("export")


class NothingSealed:
    """Has nothing to open."""

    async def opened(self, app_id: str, lines: Sequence[bytes]) -> Sequence[bytes]:
        return lines


class MadeUpClock:
    """The clock of the streams."""

    async def now(self) -> datetime:
        return CREATED


@dataclass
class ExportSteps:
    """What carries an export out, and the stores that it works on."""

    handler: ExportHandler
    work: ExportWork
    requests: PostgresRequests

    async def ask(self, request_id: UUID) -> None:
        """Makes a request."""
        request = SubjectRequest(
            request_id, "arena", Kind.EXPORT, State.WAITING, PERSON, "ann", (), "app", CREATED, CREATED
        )  # fmt: skip
        auditor = Auditor(PSEUDONYMS, SystemClock())
        entry = auditor.entry(Action.SUBJECT_REQUESTED, "arena", Caller("app"))
        await self.requests.create(request, entry)

    async def carry_out(self, request_id: UUID) -> SubjectRequest:
        """Goes on with a request to its end, as the engine does."""
        return await carry_out(self.requests, self.handler, request_id)


@asynccontextmanager
async def export_steps(
    database_url: str, folder: Path, on_step: OnStep
) -> AsyncIterator[ExportSteps]:
    """Everything that an export needs; `on_step` is called after each step."""
    engine = create_engine(database_url, service="privacy")
    clock = SystemClock()
    requests = PostgresRequests(engine)
    services: Mapping[str, Any] = {name: MadeUpService(name, on_step) for name in ROWS}
    objects: Any = Watched(FolderStore.open(folder, "EXPORTS"), on_step)
    files: Any = Watched(PostgresExportFiles(engine, 7), on_step)
    work = ExportWork(
        Exporter({name: each.export for name, each in services.items()}, NothingSealed(), objects),
        files,
        objects,
        timedelta(days=7),
        clock,
    )
    progress: Any = Watched(PostgresExportProgress(engine, requests), on_step)
    handler = ExportHandler(
        progress, work, services, MadeUpClock(), Catalogs.of(), PSEUDONYMS, Auditor(PSEUDONYMS, clock), clock
    )  # fmt: skip
    try:
        yield ExportSteps(handler, work, requests)
    finally:
        await engine.dispose()
