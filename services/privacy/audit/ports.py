"""What the chainer and verification need from the outside."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from services.privacy.audit.chain import ChainKey
from services.privacy.audit.model import SignedHead, StoredEntry


class ChainStore(Protocol):
    """The entries, as `postgres.PostgresAuditTrail` keeps them."""

    async def has_unchained(self) -> bool:
        """Whether there are entries that are not chained."""
        ...

    async def chain(
        self, key: ChainKey, published: Mapping[str, SignedHead]
    ) -> Mapping[str, SignedHead]:
        """Chains the oldest entries that are not chained; the new heads by app."""
        ...

    async def by_sequence(self, app_id: str, after: int, limit: int) -> Sequence[StoredEntry]:
        """Chained entries behind the sequence `after`, in the order of the chain."""
        ...

    async def end(self, app_id: str) -> tuple[SignedHead | None, int]:
        """The head that is stored beside the entries, and how many of these are not chained yet."""
        ...


class PublishedHeads(Protocol):
    """Heads outside of the database. Every method raises Unavailable if they cannot be reached."""

    async def read(self) -> Mapping[str, SignedHead]:
        """The newest ones by app."""
        ...

    async def publish(self, heads: Mapping[str, SignedHead]) -> None:
        """Publishes heads, unless a later one is there. Safe to repeat."""
        ...
