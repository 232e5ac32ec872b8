"""What the chainer and verification need from the outside."""

from collections.abc import Mapping
from typing import Protocol

from services.privacy.audit.chain import ChainKeys
from services.privacy.audit.model import ChainPart, SignedHead


class ChainStore(Protocol):
    """The entries, as `postgres.PostgresAuditTrail` keeps them."""

    async def has_unchained(self) -> bool:
        """Whether there are entries that are not chained."""
        ...

    async def chain(
        self, keys: ChainKeys, published: Mapping[str, SignedHead]
    ) -> Mapping[str, SignedHead]:
        """Chains the oldest entries that are not chained; the new heads by app."""
        ...

    async def part(self, app_id: str, after: int, limit: int) -> ChainPart:
        """Chained entries behind the sequence `after`, and what is stored beside them, all of one moment."""
        ...


class PublishedHeads(Protocol):
    """Heads outside of the database. Every method raises Unavailable if they cannot be reached."""

    async def read(self) -> Mapping[str, SignedHead]:
        """The newest ones by app."""
        ...

    async def publish(self, heads: Mapping[str, SignedHead]) -> None:
        """Publishes heads, unless a later one is there. Safe to repeat."""
        ...
