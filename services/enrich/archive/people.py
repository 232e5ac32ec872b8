"""People in the archive, for their erasure, as the service asks the archive's process for it."""

from collections.abc import Sequence
from typing import Protocol

from libs.catalog import Catalogs
from libs.common.errors import Unavailable
from libs.common.subject_data import Erasure, StoreCounts
from libs.jobs.job import JobError
from services.enrich.archive.erasing import Erased
from services.enrich.archive.process import Ask
from services.enrich.archive.request import erase_line

STORE = "enrich.archive"
# A call of the service may take 30 s, and the process needs some to start.
_SECONDS = 10.0


class Copies(Protocol):
    """See `postgres.PostgresArchive`."""

    async def has_files(self, app_id: str) -> bool:
        """Whether the archive has events of an app."""
        ...

    async def drop_restored(self, app_id: str) -> None:
        """Drops the schemas with restored days of an app."""
        ...


class ArchivedPeople:
    """Without an archived event of the app, no process is started."""

    def __init__(self, catalogs: Catalogs, copies: Copies, ask: Ask) -> None:
        self._catalogs = catalogs
        self._copies = copies
        self._ask = ask

    async def erase(self, erasure: Erasure) -> tuple[bool, Sequence[StoreCounts]]:
        """Does some seconds of the work: whether all is done, and what all of it has done so far. Restored
        days of the app go as a whole: they are copies. Raises Unavailable if the archive does not answer."""
        app_id = erasure.subject.app_id
        await self._copies.drop_restored(app_id)
        if not await self._copies.has_files(app_id):
            return True, ()
        catalog = self._catalogs.current.catalogs.get(app_id)
        who = Erased(
            erasure,
            names_others=catalog is None or catalog.names_others,
            entity_types=tuple(sorted(catalog.subject_entity_types)) if catalog else (),
            measures=tuple(sorted(catalog.measures)) if catalog else (),
        )
        try:
            found = await self._ask(erase_line(who, _SECONDS))
        except JobError as error:
            raise Unavailable(f"the archive: {error}", retry_after_seconds=5.0) from None
        why = "; ".join(sorted(set(erasure.withheld.values()))) if found["withheld"] else ""
        counts = StoreCounts(STORE, found["erased"], found["anonymized"], found["withheld"], why)
        return bool(found["done"]), [counts]
