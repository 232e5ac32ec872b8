"""Chains entries soon after they were written, and publishes the heads outside of the database."""

import asyncio
from collections.abc import Mapping

import structlog

from libs.common.clock import Clock
from libs.common.errors import Unavailable
from libs.runtime.loops import repeat
from services.privacy.audit.chain import ChainKeys
from services.privacy.audit.model import SignedHead
from services.privacy.audit.ports import ChainStore, PublishedHeads

log = structlog.get_logger()
INTERVAL_SECONDS = 0.5
# How often the log says where a chain that grew ends.
_LOG_SECONDS = 60


class Chainer:
    """One process at a time chains; the others find the lock taken."""

    def __init__(
        self,
        store: ChainStore,
        heads: PublishedHeads,
        keys: ChainKeys,
        clock: Clock,
        transient: tuple[type[Exception], ...],
    ) -> None:
        """`transient` are the store's errors after which it is tried again."""
        self._store = store
        self._heads = heads
        self._keys = keys
        self._clock = clock
        self._transient = transient
        # What could not be published yet, and what the log has not said yet.
        self._unpublished: dict[str, SignedHead] = {}
        self._unlogged: dict[str, SignedHead] = {}
        self._logged_us = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Runs until `stop` is set; a process that ends leaves the rest to the next one."""
        await repeat(
            self.step,
            INTERVAL_SECONDS,
            stop,
            transient=(*self._transient, Unavailable),
            warning="the audit trail cannot be chained",
        )

    async def step(self) -> None:
        """Chains all that is not chained, and publishes. While Redis is away it chains all the same."""
        while await self._store.has_unchained():
            advanced = await self._store.chain(self._keys, await self._known_heads())
            if not advanced:
                # Another process is at it.
                break
            self._unpublished |= advanced
            self._unlogged |= advanced
        self._log()
        if self._unpublished:
            await self._heads.publish(self._unpublished)
            self._unpublished.clear()

    async def _known_heads(self) -> Mapping[str, SignedHead]:
        """The newest heads that are known from outside of the database."""
        try:
            published = await self._heads.read()
        except Unavailable:
            published = {}
        later = {
            app_id: signed
            for app_id, signed in self._unpublished.items()
            if app_id not in published or published[app_id].head.sequence < signed.head.sequence
        }
        return {**published, **later}

    def _log(self) -> None:
        now_us = self._clock.now_us()
        if not self._unlogged or now_us - self._logged_us < _LOG_SECONDS * 1_000_000:
            return
        for app_id, signed in self._unlogged.items():
            log.info("audit head", app_id=app_id, head=str(signed.head))
        self._unlogged.clear()
        self._logged_us = now_us
