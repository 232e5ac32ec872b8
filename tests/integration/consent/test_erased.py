"""What is kept of people who were erased, under their pseudonyms."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from libs.consent import ConsentReader
from libs.consent.keys import erased_id
from libs.stores.redis_connection import RedisConnection
from services.privacy.consent.redis import RedisConsentMirror


@pytest.fixture
async def mirror_and_reader(
    redis_url: str,
) -> AsyncIterator[tuple[RedisConsentMirror, ConsentReader]]:
    async with AsyncExitStack() as stack:
        connection = RedisConnection(redis_url)
        reader = ConsentReader(
            redis_url, 1, pseudonyms=lambda _, subject_id: [f"person of {subject_id}"]
        )
        for each in (connection, reader):
            await each.start()
            stack.push_async_callback(each.aclose)
        yield RedisConsentMirror(connection, 1), reader


async def test_the_no_counts_unless_the_person_has_a_record(
    mirror_and_reader: tuple[RedisConsentMirror, ConsentReader],
) -> None:
    mirror, reader = mirror_and_reader
    await mirror.begin_fill("chess")
    kept = {erased_id(f"person of {name}"): b"7 ~telemetry" for name in ("ann", "bob", "eve")}
    # A repair writes a version without words for a person of whom nothing is recorded.
    await mirror.put("chess", {**kept, "bob": b"8", "eve": b"9 +telemetry"})
    assert await mirror.end_fill("chess")
    states = await reader.read("chess", ["ann", "bob", "eve", "unknown"])
    assert states == [b"7 ~telemetry", b"7 ~telemetry", b"9 +telemetry", None]
