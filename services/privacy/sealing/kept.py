"""Destroys keys of erased people that stayed for events which a law keeps, once none of these is left."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Protocol
from uuid import UUID

from libs.audit import Action, AuditEntry, Auditor, Caller
from libs.common.clock import Clock, moment_of
from libs.common.subject_data import KeptKey, SealedValues

DESTROY_KEPT = "privacy.destroy_kept_keys"
_DESTROYER = Caller(f"job {DESTROY_KEPT}")
_AT_ONCE = 200
# What was sealed with a key just before it was retired is stored by then.
_STORED_AFTER = timedelta(days=1)


class KeptKeyStore(Protocol):
    """See `postgres.PostgresKeyStore`."""

    async def kept(
        self, before: datetime, after: UUID, limit: int
    ) -> Sequence[tuple[str, KeptKey]]:
        """Keys behind this one, in the order of their ids, that stayed when their person was erased, before
        that moment, and seal nothing any more; each with its app."""
        ...

    async def destroy_kept(self, app_id: str, key: KeptKey, entry: AuditEntry) -> bool:
        """Destroys a key, as of the erasure at which it stayed, in one transaction with an entry of the audit
        trail. False if it was destroyed meanwhile."""
        ...


class KeptKeys:
    """Safe to interrupt, to repeat and to run twice at once."""

    def __init__(
        self, store: KeptKeyStore, sealed: SealedValues, auditor: Auditor, clock: Clock
    ) -> None:
        """`sealed` are the values that enrich has."""
        self._store = store
        self._sealed = sealed
        self._auditor = auditor
        self._clock = clock

    async def destroy(self) -> Mapping[str, int]:
        """Destroys what no event needs any more: `destroyed` keys; `kept`: those that stay. Raises what the
        stores raise, and enrich's client."""
        before = moment_of(self._clock.now_us()) - _STORED_AFTER
        destroyed = kept = 0
        after = UUID(int=0)
        while found := await self._store.kept(before, after, _AT_ONCE):
            after = found[-1][1].key_id
            for app_id, group in groupby(sorted(found, key=_app_of), _app_of):
                keys = [key for _, key in group]
                needed = await self._sealed.still_needed(app_id, keys)
                gone = [key for key in keys if key.key_id not in needed]
                kept += len(keys) - len(gone)
                for key in gone:
                    destroyed += await self._destroy(app_id, key)
        return {"destroyed": destroyed, "kept": kept}

    async def _destroy(self, app_id: str, key: KeptKey) -> bool:
        entry = self._auditor.entry(
            Action.KEYS_DESTROYED, app_id, _DESTROYER, person=key.person.hex, details={"keys": 1}
        )
        return await self._store.destroy_kept(app_id, key, entry)


def _app_of(found: tuple[str, KeptKey]) -> str:
    return found[0]
