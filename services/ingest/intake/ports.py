"""The stores that ingest's decisions need. Each port has a suite of tests in `tests/contract/ingest`,
which Redis passes, and the fakes of the unit tests."""

from collections.abc import Sequence
from typing import Protocol

from services.ingest.intake.model import Append, Appended


class ConsentMirrorReader(Protocol):
    """Reads of the consent mirror, as `libs.consent.ConsentReader` does them."""

    async def read(self, app_id: str, subject_ids: Sequence[str]) -> Sequence[bytes | None]:
        """The encoded state of each person, in the order asked; None if nothing is recorded.

        Raises Unavailable (CONSENT_UNAVAILABLE) if the states that can be read may be old.
        """
        ...


class RawStream(Protocol):
    """The stream of accepted events, one for each shard."""

    async def append(self, shard: int, append: Append) -> Appended | None:
        """Marks the ids as seen and appends events and dead letters, all or nothing; they are on disk when it
        returns.

        Safe to repeat with the same `batch_id`. None: the backlog is full and nothing was appended. Raises
        Unavailable if the store does not answer.
        """
        ...
