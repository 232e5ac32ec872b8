"""The heads of the chains outside of the database, in Redis."""

import asyncio
from collections.abc import Mapping
from typing import cast

from libs.common.errors import Unavailable
from libs.common.sharding import shard_key
from libs.stores.redis_client import REDIS_DOWN, RedisClient
from services.privacy.audit.chain import parse_head
from services.privacy.audit.model import SignedHead

# A hash: by app, `sequence:hash:signature`. In one shard, so that a cluster keeps it on one node.
HEADS = shard_key("privacy", 0, "audit_heads")
# A Redis that hangs counts as away: entries are chained all the same.
_TIMEOUT_SECONDS = 2.0
# Keeps a later head: two processes may publish in another order than they chained in.
_PUBLISH = """
for at = 1, #ARGV, 2 do
    local known = redis.call('HGET', KEYS[1], ARGV[at])
    if not known or tonumber(string.match(known, '^%d+')) < tonumber(string.match(ARGV[at + 1], '^%d+')) then
        redis.call('HSET', KEYS[1], ARGV[at], ARGV[at + 1])
    end
end
"""


class RedisPublishedHeads:
    """The newest head of each app that was published. Every method raises Unavailable while Redis is away."""

    def __init__(self, redis: RedisClient) -> None:
        self._redis = redis

    async def read(self) -> Mapping[str, SignedHead]:
        """By app; what is no head is left out."""
        try:
            async with asyncio.timeout(_TIMEOUT_SECONDS):
                heads = cast(Mapping[bytes, bytes], await self._redis.hgetall(HEADS))
        except REDIS_DOWN as error:
            raise Unavailable("Redis does not answer", retry_after_seconds=1.0) from error
        found = {app_id.decode(): _parsed(value) for app_id, value in heads.items()}
        return {app_id: head for app_id, head in found.items() if head is not None}

    async def publish(self, heads: Mapping[str, SignedHead]) -> None:
        """Publishes heads, unless a later one is there. Safe to repeat."""
        arguments = [
            text
            for app_id, signed in heads.items()
            for text in (app_id, f"{signed.head}:{signed.signature.hex()}")
        ]
        try:
            async with asyncio.timeout(_TIMEOUT_SECONDS):
                await self._redis.eval(_PUBLISH, 1, HEADS, *arguments)
        except REDIS_DOWN as error:
            raise Unavailable("Redis does not answer", retry_after_seconds=1.0) from error


def _parsed(value: bytes) -> SignedHead | None:
    head, _, signature = value.decode(errors="replace").rpartition(":")
    try:
        return SignedHead(parse_head(head), bytes.fromhex(signature))
    except ValueError:
        return None
