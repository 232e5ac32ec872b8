"""Exports as a part of an erasure: the files about the person go."""

from collections.abc import AsyncIterator
from datetime import datetime

from libs.common.clock import moment_of
from libs.common.subject_data import Erasure, Export, HeldRows, Progress, StoreCounts, SubjectRef
from services.privacy.exports.files import STORE
from services.privacy.exports.work import ExportWork


class ExportedFiles:
    """Implements `libs.common.subject_data.SubjectData` for the files of exports."""

    def __init__(self, work: ExportWork) -> None:
        self._work = work

    async def fence(self, subject: SubjectRef, fenced_at: datetime) -> datetime:
        """See the port. An export looks by itself whether its person is being erased."""
        return moment_of(0)

    async def settled(self, appended_before: datetime) -> bool:
        """See the port. Nothing of it comes through the streams."""
        return True

    async def erase(self, erasure: Erasure) -> Progress:
        """See the port. Of a part of the person's events, too: the files have them all."""
        subject = erasure.subject
        removal = await self._work.erase(erasure.request_id, subject.app_id, subject.persons)
        return Progress(removal.left == 0, [StoreCounts(STORE, erased=removal.removed)])

    async def export(self, export: Export) -> AsyncIterator[HeldRows]:
        """See the port. A file of an export is no part of another one."""
        return
        yield HeldRows("", "", ())
