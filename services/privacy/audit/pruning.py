"""Deletes entries of the audit trail that are past their limit; the chain then begins behind a checkpoint."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

import structlog

from libs.audit import Action, AuditEntry, Auditor, Caller, Details
from libs.catalog import RETENTION_CLASSES, Catalog, Catalogs
from libs.common.clock import Clock, moment_of
from libs.common.expiry import OverdueData, RetentionLimit, expired_before
from services.privacy.audit.chain import NO_ENTRIES, ChainKeys, Head, Signed
from services.privacy.audit.model import ChainPart, SignedHead
from services.privacy.audit.verification import Place, verify_checkpoint, verify_part

log = structlog.get_logger()
STORE = "privacy.audit_entries"
# Entries of one transaction.
PRUNED_AT_A_TIME = 5_000
PRUNE = "privacy.prune_audit"
# Who prunes, as the entry about it says.
PRUNER = Caller(f"job {PRUNE}")
_SETTING = "WEIR_PRIVACY_AUDIT_KEPT_DAYS"
_KIND = "audit trail"
_NO_CATALOG = "no catalog of the app is loaded"


class PrunedTrail(Protocol):
    """The entries, as `postgres.PostgresAuditTrail` keeps them."""

    async def apps(self) -> Sequence[str]:
        """The apps that have chained entries."""
        ...

    async def part(self, app_id: str, after: int, limit: int) -> ChainPart:
        """Chained entries behind the sequence `after`, and what is stored beside them, all of one moment."""
        ...

    async def prune(self, app_id: str, checkpoint: SignedHead, entry: AuditEntry) -> int:
        """Deletes the entries up to the checkpoint, and adds one that says so; how many were deleted, 0 if
        another process did it."""
        ...

    async def older(self, app_id: str, before: datetime) -> tuple[int, datetime | None]:
        """How many entries at the beginning of the chain are older than `before`, and the oldest moment."""
        ...


def kept_days(catalog: Catalog, at_least: int) -> int:
    """How long entries about an app are kept: `at_least` so many days, or for as long as the app keeps any
    event, if that is longer. What is kept without a limit does not count."""
    limits = (RETENTION_CLASSES[event.retention_class] for event in catalog.events.values())
    return max([at_least, *(days for days in limits if days is not None)])


class AuditPruning:
    """Prunes by the catalogs in use; apps without one keep all. Safe to repeat, to interrupt and to run twice
    at the same time.

    Entries go in the order of the chain. One that was chained late, behind younger ones, goes with these.
    """

    def __init__(
        self,
        catalogs: Catalogs,
        trail: PrunedTrail,
        keys: ChainKeys,
        auditor: Auditor,
        days: int,
        clock: Clock,
        at_a_time: int = PRUNED_AT_A_TIME,
    ) -> None:
        self._catalogs = catalogs
        self._trail = trail
        self._keys = keys
        self._auditor = auditor
        self._days = days
        self._clock = clock
        self._at_a_time = at_a_time

    async def prune(self) -> Mapping[str, int]:
        """Deletes them: how many were `deleted`, and in how many parts verification found `problems`, which
        the entries about the pruning name."""
        total = Counter(deleted=0, problems=0)
        known = self._catalogs.current.catalogs
        for app_id in await self._trail.apps():
            if app_id in known:
                before = self._before(known[app_id])
                while done := await self._prune_some(app_id, before):
                    total.update(done)
        return dict(total)

    async def list_overdue(self) -> Sequence[OverdueData]:
        """What is past its limit now; changes nothing."""
        known = self._catalogs.current.catalogs
        found = []
        for app_id in await self._trail.apps():
            days = kept_days(known[app_id], self._days) if app_id in known else self._days
            rows, oldest = await self._trail.older(app_id, self._expired_before(days))
            if oldest is not None:
                reason = "" if app_id in known else _NO_CATALOG
                found.append(
                    OverdueData(STORE, app_id, _KIND, days, rows, oldest, kept_because=reason)
                )
        return found

    def list_limits(self) -> Sequence[RetentionLimit]:
        """The limit of each app."""
        found = []
        for app_id, catalog in self._catalogs.current.catalogs.items():
            days = kept_days(catalog, self._days)
            set_by = _SETTING if days == self._days else "catalog"
            found.append(RetentionLimit(STORE, days, set_by, PRUNE, app_id, _KIND))
        return found

    async def _prune_some(self, app_id: str, before: datetime) -> Mapping[str, int]:
        part = await self._trail.part(app_id, 0, self._at_a_time)
        count = next(
            (
                at
                for at, stored in enumerate(part.entries)
                if moment_of(stored.entry.occurred_at_us) >= before
            ),
            len(part.entries),
        )
        if not count:
            return {}
        entries = part.entries[:count]
        link = entries[-1].link
        assert link is not None
        # What is wrong with them could not be found any more.
        finding = verify_checkpoint(self._keys, app_id, part.checkpoint)
        if finding is None:
            start = part.checkpoint.head if part.checkpoint else NO_ENTRIES
            finding = verify_part(self._keys, Place(start), entries, {}).finding
        details: dict[str, str | int | bool | Sequence[str]] = {
            "through": link.sequence,
            "deleted": count,
        }
        if finding:
            details |= {"problem": finding.problem.name.lower(), "problem_at": finding.sequence}
            log.error("the audit trail has a problem in what is pruned", app_id=app_id, **details)
        head = Head(link.sequence, link.hash)
        checkpoint = SignedHead(head, self._keys.signature(app_id, head, Signed.CHECKPOINT))
        deleted = await self._trail.prune(app_id, checkpoint, self._entry(app_id, details))
        return {"deleted": deleted, "problems": 1 if finding else 0} if deleted else {}

    def _entry(self, app_id: str, details: Details) -> AuditEntry:
        return self._auditor.entry(Action.AUDIT_PRUNED, app_id, PRUNER, details=details)

    def _before(self, catalog: Catalog) -> datetime:
        return self._expired_before(kept_days(catalog, self._days))

    def _expired_before(self, days: int) -> datetime:
        return expired_before(days, moment_of(self._clock.now_us()))
