"""What privacy's decisions need from the outside. Each port has a suite of tests in `tests/contract/privacy`,
which Postgres and Redis pass, and the fakes of the unit tests."""

from collections.abc import Awaitable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from libs.audit import AuditEntry
from libs.consent import ConsentState
from services.privacy.consent.model import (
    HistoryCursor,
    HistoryEntry,
    Recorded,
    Recording,
    StoredState,
    Subject,
)


class ConsentTransaction(Protocol):
    """One subject's consent, held against every other writer until the transaction ends."""

    async def state(self) -> ConsentState | None:
        """What is recorded now; None if nothing is."""
        ...

    async def keep_denial(self, persons: Sequence[str]) -> ConsentState | None:
        """If the subject, who has had these pseudonyms, was erased and nothing was recorded since: takes over
        the "no" to every purpose, for those that the next recording does not answer, and returns the state
        that is recorded then. Else None."""
        ...

    async def kept_denial(self, persons: Sequence[str]) -> StoredState | None:
        """If the subject, who has had these pseudonyms, was erased: the newest "no" that was kept, with what
        stands for the subject's id. Else None."""
        ...

    async def next_version(self, above: int = 0) -> int:
        """A version that no state has had, higher than all of this subject's and than `above`."""
        ...

    async def record(self, recording: Recording, recorded: Recorded) -> None:
        """Writes the choices and appends them to the history."""
        ...

    async def audit(self, entry: AuditEntry) -> None:
        """Adds an entry to the audit trail."""
        ...


class ConsentStore(Protocol):
    """The source of truth. Every method raises Unavailable if it cannot be reached."""

    def transaction(self, subject: Subject) -> AbstractAsyncContextManager[ConsentTransaction]:
        """Commits at the end of the block, or rolls back if the block raises.

        Raises Unavailable also if it is not known whether the commit took place.
        """
        ...

    async def read(self, app_id: str, subject_ids: Sequence[str]) -> Sequence[ConsentState | None]:
        """Committed states, in the order asked; None if nothing is recorded."""
        ...

    async def page(self, app_id: str, after_subject_id: str, limit: int) -> Sequence[StoredState]:
        """The next subjects of an app with anything recorded, in a stable order of their ids.

        Begins behind `after_subject_id`, or at the first with "". Empty at the end.
        """
        ...

    async def history(
        self, subject: Subject, after: HistoryCursor, limit: int
    ) -> Sequence[HistoryEntry]:
        """Entries behind `after`, oldest first."""
        ...

    async def wait_for_writers(self, app_id: str) -> None:
        """Returns when every transaction that had begun before this call has ended."""
        ...


class ConsentMirror(Protocol):
    """The mirror that checks and ingest read. Every method raises Unavailable if Redis fails."""

    async def put(self, app_id: str, states: Mapping[str, bytes]) -> int:
        """Writes each subject's encoded state unless the mirror has a newer one.

        Returns 0 if all were written (or were there already), else the highest newer
        version found. Safe to repeat.
        """
        ...

    async def has(self, app_id: str, subject_id: str) -> bool:
        """Whether anything is there of a person, ready or not."""
        ...

    async def remove(self, app_id: str, subject_id: str) -> None:
        """Removes what is known of a person."""
        ...

    async def ready(self, app_id: str) -> bool:
        """Whether readers trust it: all shards have the ready marker of this run of the server."""
        ...

    async def begin_fill(self, app_id: str) -> None:
        """Sets the fill fence, which is lost if the mirror is emptied or its server restarts."""
        ...

    async def end_fill(self, app_id: str) -> bool:
        """Sets the ready marker if the fence of `begin_fill` is still there; returns whether it was."""
        ...


class ConsentMirrorReader(Protocol):
    """Reads of the consent mirror, as `libs.consent.ConsentReader` does them."""

    def read_one(self, app_id: str, subject_id: str) -> Awaitable[bytes | None]:
        """Raises ConsentUnavailable (an Unavailable) rather than answer from an incomplete mirror."""
        ...

    async def read(self, app_id: str, subject_ids: Sequence[str]) -> list[bytes | None]:
        """The same for many."""
        ...
