"""What adoption needs from outside."""

from collections.abc import Mapping, Sequence, Set
from datetime import datetime
from typing import Protocol

from services.aggregate.adoption.definition import Adopted, Adoption
from services.aggregate.counting.definitions import RollupKey
from services.aggregate.counting.generations import BucketKey
from services.aggregate.recount.model import Reason


class Definitions(Protocol):
    """See `postgres.PostgresDefinitions`."""

    async def read(self) -> Mapping[RollupKey, Adopted]:
        """Those that are adopted."""
        ...

    async def adopt(self, adoptions: Sequence[Adoption]) -> None:
        """Writes definitions down, and what has to be marked because of them. From then on no process counts
        by another one. Raises PostponedError."""
        ...

    async def retire(self, keys: Sequence[RollupKey]) -> None:
        """Notes that rollups have left the catalogs."""
        ...

    async def marked(self, key: RollupKey, adopted: Adopted) -> None:
        """All that was pending is marked."""
        ...


class Marks(Protocol):
    """Dirty buckets."""

    async def days_of(
        self,
        app_id: str,
        rollup: str,
        names: Set[str],
        *,
        with_cells: bool,
    ) -> Set[datetime]:
        """The days on which stored events of these names occurred; with `with_cells` also those on which a
        bucket of the rollup that has cells begins."""
        ...

    async def mark(self, buckets: Sequence[BucketKey], reason: Reason) -> None:
        """Has buckets recounted."""
        ...
