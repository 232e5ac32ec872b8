"""Keeps the mirror in Redis equal to Postgres, the source of truth: fills it if lost, repairs subjects."""

from collections.abc import Callable
from dataclasses import replace

import structlog

from libs.catalog import Catalogs
from libs.consent import encode_state
from services.privacy import metrics
from services.privacy.consent.model import Pseudonyms, Subject
from services.privacy.consent.newest_state import put_as_newest, put_nothing_recorded
from services.privacy.consent.ports import ConsentMirror, ConsentStore
from services.privacy.consent.resync_queue import ResyncQueue

log = structlog.get_logger()


class MirrorSync:
    """Fills and repairs, one app or subject at a time. Any step may be cancelled and begun again."""

    def __init__(
        self,
        catalogs: Catalogs,
        store: ConsentStore,
        mirror: ConsentMirror,
        resyncs: ResyncQueue,
        page_size: int,
        pseudonyms: Pseudonyms,
        on_readable: Callable[[], None] = lambda: None,
    ) -> None:
        """`pseudonyms`: all that a person has had, under which the "no" of an erased person is kept.
        `on_readable` is called whenever readers can trust the mirror of every app."""
        self._catalogs = catalogs
        self._store = store
        self._mirror = mirror
        self._resyncs = resyncs
        self._page_size = page_size
        self._pseudonyms = pseudonyms
        self._on_readable = on_readable
        # The apps of the last round, and those of which the mirror may not be equal.
        self._known: set[str] = set()
        self._due: set[str] = set()

    async def sync(self) -> None:
        """Does what there is to do now. Raises Unavailable; what is left is done next time."""
        await self._repair_all()
        app_ids = list(self._catalogs.current.catalogs)
        # At the start, all: the process before may have ended between a commit and the write to the mirror.
        # Later, those that a new catalog brought, perhaps back: what others recorded meanwhile is unknown.
        self._due |= set(app_ids) - self._known
        self._known = set(app_ids)
        if self._resyncs.take_full_resync():
            self._due.update(app_ids)
        unreadable = {app_id for app_id in app_ids if not await self._mirror.ready(app_id)}
        self._due |= unreadable
        if not unreadable:
            self._on_readable()
        due = [app_id for app_id in app_ids if app_id in self._due]
        # First the apps about which ingest can take no events meanwhile.
        for app_id in sorted(due, key=lambda app_id: app_id not in unreadable):
            if await self.fill(app_id):
                self._due.discard(app_id)
                if app_id in unreadable:
                    unreadable.remove(app_id)
                    if not unreadable:
                        self._on_readable()

    async def fill(self, app_id: str) -> bool:
        """Mirrors all subjects of one app; True if readers trust the mirror now.

        Nothing newer in the mirror is overwritten. Why the ready marker at the end can be trusted: a
        withdrawal that took effect after `begin_fill` is still in the mirror if the fill fence is,
        since both are in one hash; one that took effect before belongs to a transaction whose end
        `wait_for_writers` has waited for, so the pages show it if it was committed.
        """
        await self._mirror.begin_fill(app_id)
        await self._store.wait_for_writers(app_id)
        after = ""
        while page := await self._store.page(app_id, after, self._page_size):
            states = {subject_id: encode_state(state) for subject_id, state in page}
            await self._mirror.put(app_id, states)
            after = page[-1][0]
        if not await self._mirror.end_fill(app_id):
            return False
        metrics.MIRROR_FILLS.inc()
        log.info("filled the consent mirror", app_id=app_id)
        return True

    async def repair(self, subject: Subject) -> None:
        """Mirrors what is recorded for one subject, as the newest state there is.

        Under the subject's lock and with a version of its own, so it also replaces a stricter state
        whose commit failed, and never a later recording's. Raises Unavailable.
        """
        async with self._store.transaction(subject) as transaction:
            state = await transaction.state()
            if state is None:
                await put_nothing_recorded(
                    self._mirror, transaction, subject, self._pseudonyms(*subject)
                )
            else:
                newest = replace(state, version=await transaction.next_version())
                await put_as_newest(self._mirror, transaction, subject, newest)

    async def _repair_all(self) -> None:
        subjects = self._resyncs.take()
        for place, subject in enumerate(subjects):
            try:
                await self.repair(subject)
            except BaseException:
                for unrepaired in subjects[place:]:
                    self._resyncs.add(unrepaired)
                raise
