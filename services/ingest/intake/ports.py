"""What ingest's decisions need from the outside."""

from collections.abc import Sequence
from typing import Protocol

from services.ingest.intake.model import Append, Appended


class ConsentStates(Protocol):
    """Reads what people have agreed to."""

    async def read(self, app_id: str, subject_ids: Sequence[str]) -> Sequence[bytes | None]:
        """The encoded state of each person, in the order asked; None where nothing was recorded.

        Raises Unavailable (CONSENT_UNAVAILABLE) rather than answer from a state that may be old.
        """
        ...


class RawStream(Protocol):
    """Where accepted events go."""

    async def append(self, shard: int, append: Append) -> Appended | None:
        """Marks the ids as seen and appends the batch, both or neither; on disk when it returns.

        Safe to repeat with the same `batch_id`. None: the backlog is full and nothing was done.
        Raises Unavailable where Redis does not answer.
        """
        ...
