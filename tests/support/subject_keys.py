"""Asking for the keys of two people of an app, and destroying them."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine
from weir.privacy.v1 import subject_key_service_pb2 as pb

from libs.common.clock import EPOCH
from services.privacy.sealing.postgres import destroy_keys

# As the fixtures of tests/integration/privacy have them.
APP, PURPOSE = "gamelaunch", "telemetry"
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
ANN, BOB = UUID(int=1), UUID(int=2)


def us(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)


async def sealing_keys(
    key_calls: Any, people: Iterable[UUID], latest: datetime = NOON, app_id: str = APP
) -> list[pb.SealingKey]:
    wanted = [
        pb.PersonToSeal(person=person.bytes, latest_occurred_at_us=us(latest)) for person in people
    ]
    request = pb.GetSealingKeysRequest(app_id=app_id, people=wanted)
    return list((await key_calls.GetSealingKeys(request, timeout=20)).keys)


async def opening_keys(key_calls: Any, *key_ids: bytes, app_id: str = APP) -> dict[bytes, bytes]:
    request = pb.GetOpeningKeysRequest(
        app_id=app_id, key_ids=key_ids, purpose=PURPOSE, actor="read token"
    )
    response = await key_calls.GetOpeningKeys(request, timeout=20)
    return {key.key_id: key.secret for key in response.keys}


async def destroy(engine: AsyncEngine, *people: UUID, at: datetime = NOON) -> int:
    async with engine.begin() as connection:
        return await destroy_keys(connection, APP, people, at)
