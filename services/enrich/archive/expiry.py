"""The end of the archive: files whose day is past the archive's own limit, and schemas with restored days."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from libs.common.clock import Clock, moment_of
from libs.common.expiry import OverdueData, RetentionLimit, expired_before
from services.enrich.archive.people import STORE
from services.enrich.archive.process import Ask
from services.enrich.archive.request import before_line
from services.enrich.settings import EnrichSettings

JOB = "enrich.expire_archive"
RESTORED_KEPT = timedelta(days=7)
RESTORED = "restored days"


class KeptFiles(Protocol):
    """See `postgres.PostgresArchive`."""

    async def older(self, before: datetime) -> Sequence[tuple[str, int, datetime]]:
        """Of each app with files of days before this one: how many events they have, and the first day."""
        ...

    async def restored_before(self, moment: datetime) -> Sequence[tuple[str, datetime]]:
        """The schemas of days that were restored before this moment, and when each was."""
        ...

    async def drop_restored_before(self, moment: datetime) -> int:
        """Drops the schemas of days that were restored before this moment; how many."""
        ...


class ArchiveExpiry:
    """Removes what is past its limit; safe to repeat and to interrupt."""

    def __init__(self, settings: EnrichSettings, files: KeptFiles, clock: Clock, ask: Ask) -> None:
        self._settings = settings
        self._files = files
        self._clock = clock
        self._ask = ask

    def limits(self) -> Sequence[RetentionLimit]:
        """The limits, for all apps. No setting says how long restored days are kept."""
        name = self._settings.variable("archive_kept_days")
        return [
            RetentionLimit(STORE, self._settings.archive_kept_days, name, JOB),
            RetentionLimit(STORE, RESTORED_KEPT.days, "", JOB, kind=RESTORED),
        ]

    async def list_overdue(self) -> Sequence[OverdueData]:
        """Archived events that are past it, and restored days, one row for each."""
        days, kept = self._settings.archive_kept_days, RESTORED_KEPT.days
        # What was a week old before today: the job has been there since.
        before = expired_before(kept, moment_of(self._clock.now_us()))
        archived = await self._files.older(self._before())
        restored = await self._files.restored_before(before)
        return [
            *(
                OverdueData(STORE, app_id, "", days, events, oldest)
                for app_id, events, oldest in archived
            ),
            *(
                OverdueData(
                    STORE, schema.removeprefix("restored_")[:-9], RESTORED, kept, 1, restored_at
                )
                for schema, restored_at in restored
            ),
        ]

    async def expire(self) -> Mapping[str, int]:
        """Removes them: `files` with `events`, and `restored` schemas after a week. Raises JobError if the
        archive fails."""
        now = moment_of(self._clock.now_us())
        restored = await self._files.drop_restored_before(now - RESTORED_KEPT)
        counts: Mapping[str, int] = {"files": 0, "events": 0}
        if await self._files.older(self._before()):
            counts = await self._ask(before_line(self._before()))
        return {**counts, "restored": restored}

    def _before(self) -> datetime:
        """The first day that is kept."""
        return expired_before(self._settings.archive_kept_days, moment_of(self._clock.now_us()))
