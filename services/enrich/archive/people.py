"""People in the archive, for their erasure, as the service asks the archive's process for it."""

import asyncio
from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from libs.catalog import Catalogs
from libs.common.errors import Unavailable
from libs.common.subject_data import Erasure, StoreCounts
from libs.jobs.job import JobError
from services.enrich.archive.erasing import Erased, ErasedRows
from services.enrich.archive.process import Ask
from services.enrich.archive.request import erase_line

STORE = "enrich.archive"
# A caller of the service waits for 20 s, and other stores have taken some of these.
_WAIT_SECONDS = 10.0
# The process ends behind the file that it is at, so that others who change the archive get their turn.
_WORK_SECONDS = 60.0
# How long an answer is remembered that no call has fetched: a person's erasure may have been given up.
_REMEMBERED_SECONDS = 300.0


class Copies(Protocol):
    """See `postgres.PostgresArchive`."""

    async def has_files(self, app_id: str) -> bool:
        """Whether there is any file with events of an app, also one that is being made, or was when its
        writer died."""
        ...

    async def drop_restored(self, app_id: str) -> None:
        """Drops the schemas with restored days of an app."""
        ...

    async def erased(self, request_id: UUID) -> ErasedRows | None:
        """What a request has done so far in all files; None if it has looked at none."""
        ...

    async def is_free(self) -> bool:
        """Whether no process changes the archive."""
        ...


class ArchivedPeople:
    """Without a file of the app, no process is started.

    A file is written again as a whole, which may take minutes. So the process goes on when the call that
    started it has ended, and the next calls for the same request wait for it.
    """

    def __init__(
        self,
        catalogs: Catalogs,
        copies: Copies,
        ask: Ask,
        wait_seconds: float = _WAIT_SECONDS,
        remembered_seconds: float = _REMEMBERED_SECONDS,
    ) -> None:
        self._catalogs = catalogs
        self._copies = copies
        self._ask = ask
        self._wait_seconds = wait_seconds
        self._remembered_seconds = remembered_seconds
        self._at_work: dict[UUID, asyncio.Task[bool]] = {}

    async def close(self) -> None:
        """Ends processes that are at work; the files that are done stay done."""
        for task in self._at_work.values():
            task.cancel()
        await asyncio.gather(*self._at_work.values(), return_exceptions=True)

    async def erase(self, erasure: Erasure) -> tuple[bool, Sequence[StoreCounts]]:
        """Waits some seconds for the work: whether all is done, and what all of it has done so far. Restored
        days of the app go as a whole at the end: they are copies, and one that was begun before has been
        waited for. Raises Unavailable if the archive does not answer."""
        app_id, request_id = erasure.subject.app_id, erasure.request_id
        task = self._at_work.get(request_id)
        if task is None and await self._copies.has_files(app_id):
            if not await self._copies.is_free():
                return False, await self._counts(erasure)
            # Another call may have begun meanwhile.
            task = self._at_work.get(request_id) or self._begin(erasure)
        done = task is None
        if task:
            await asyncio.wait([task], timeout=self._wait_seconds)
            if task.done():
                self._forget(request_id, task)
                done = task.result()
        if done:
            await self._copies.drop_restored(app_id)
        return done, await self._counts(erasure)

    def _begin(self, erasure: Erasure) -> asyncio.Task[bool]:
        task = asyncio.create_task(self._work(erasure))
        self._at_work[erasure.request_id] = task
        loop = asyncio.get_running_loop()
        task.add_done_callback(
            lambda ended: loop.call_later(
                self._remembered_seconds, self._forget, erasure.request_id, ended
            )
        )
        return task

    def _forget(self, request_id: UUID, ended: asyncio.Task[bool]) -> None:
        """Forgets a task that has ended, unless another call has; its successor stays."""
        if self._at_work.get(request_id) is ended:
            del self._at_work[request_id]

    async def _counts(self, erasure: Erasure) -> Sequence[StoreCounts]:
        """What is done so far; empty if no file was looked at."""
        rows = await self._copies.erased(erasure.request_id)
        if rows is None:
            return ()
        why = "; ".join(sorted(set(erasure.withheld.values()))) if rows.withheld else ""
        return [StoreCounts(STORE, rows.erased, rows.anonymized, rows.withheld, why)]

    async def _work(self, erasure: Erasure) -> bool:
        """Whether all is done. Raises Unavailable."""
        catalog = self._catalogs.current.catalogs.get(erasure.subject.app_id)
        who = Erased(
            erasure,
            may_hold_others=catalog is None or catalog.may_hold_others,
            entity_types=tuple(sorted(catalog.subject_entity_types)) if catalog else (),
            measures=tuple(sorted(catalog.measures)) if catalog else (),
        )
        try:
            found = await self._ask(erase_line(who, _WORK_SECONDS))
        except JobError as error:
            raise Unavailable(f"the archive: {error}", retry_after_seconds=5.0) from None
        return bool(found["done"])
