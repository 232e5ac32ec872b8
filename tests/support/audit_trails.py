"""An audit trail on the real stores, without the service around it, and its owner's access to the tables."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.audit import Action, Auditor, Caller
from libs.stores.postgres import create_engine
from libs.stores.redis_client import RedisClient, create_redis
from services.privacy.audit.chain import ChainKeys, Head
from services.privacy.audit.chainer import Chainer
from services.privacy.audit.postgres import PostgresAuditTrail
from services.privacy.audit.redis import RedisPublishedHeads
from services.privacy.audit.verification import Finding
from services.privacy.audit.verifying import ChainVerifier, VerifiedPart
from tests.support.clocks import FixedClock
from tests.support.pseudonyms import PSEUDONYMS

SECRET = b"the key of the trail"
KEYS = ChainKeys(SECRET)
APP = "chess"


class Trail:
    """The trail of one app with entries in it, and its owner's access to the tables."""

    def __init__(self, engine: AsyncEngine, redis: RedisClient, database_url: str) -> None:
        clock = FixedClock.of_us()
        self.redis = redis
        self.store = PostgresAuditTrail(engine)
        self.heads = RedisPublishedHeads(redis)
        self.clock = clock
        self.use(KEYS)
        self.auditor = Auditor(PSEUDONYMS, clock)
        self.owner_url = database_url

    def use(self, keys: ChainKeys) -> None:
        """As after a restart with these keys."""
        self.keys = keys
        self.chainer = Chainer(self.store, self.heads, keys, self.clock, ())

    async def write(self, count: int, app_id: str = APP) -> None:
        """Entries, one after the other, chained."""
        for number in range(count):
            entry = self.auditor.entry(
                Action.CONSENT_RECORDED, app_id, Caller("test"), subject_id=f"person {number}"
            )
            await self.store.add([entry])
        await self.chainer.step()

    async def verify(
        self, *, kept: Head | None = None, passed_over: int = 0, part_entries: int = 2
    ) -> VerifiedPart:
        """All parts; the last one."""
        verifier = ChainVerifier(self.store, self.heads, self.keys, part_entries)
        found = await verifier.verify(APP, None, passed_over, kept)
        while not found.is_last:
            found = await verifier.verify(APP, found.part.place, passed_over, kept)
        return found

    async def finding(self, *, kept: Head | None = None, passed_over: int = 0) -> Finding | None:
        return (await self.verify(kept=kept, passed_over=passed_over)).part.finding

    def tamper(self, *statements: str) -> None:
        """As the owner of the tables, past the triggers."""
        with psycopg.connect(self.owner_url) as owner:
            owner.execute("ALTER TABLE privacy.audit_entries DISABLE TRIGGER USER")
            for statement in statements:
                assert owner.execute(statement.encode()).rowcount
            owner.execute("ALTER TABLE privacy.audit_entries ENABLE TRIGGER USER")

    def id_of(self, sequence: int) -> str:
        with psycopg.connect(self.owner_url) as owner:
            row = owner.execute(
                "SELECT entry_id FROM privacy.audit_entries WHERE app_id = %s AND sequence = %s",
                (APP, sequence),
            ).fetchone()
        assert row
        return str(row[0])


@asynccontextmanager
async def audit_trail(role_url: str, redis_url: str, owner_url: str) -> AsyncIterator[Trail]:
    """With no entries."""
    engine = create_engine(role_url, service="privacy-audit", pool_size=2)
    redis = create_redis(redis_url)
    yield Trail(engine, redis, owner_url)
    await redis.aclose()
    await engine.dispose()
