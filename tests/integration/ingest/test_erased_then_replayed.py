"""Erase while the subject's events sit in dead letters, then replayed (promises.md, section 5)."""

import asyncio
import uuid
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from weir.privacy.v1 import subject_data_service_pb2 as people_pb

from tests.integration.ingest.conftest import APP, METADATA, Ingest, played, reject
from tests.integration.ingest.test_replayed_letters import (
    BLOCKED,
    FIXED,
    OPEN,
    asked_until_done,
    fates,
    held,
    letters,
    replayed,
    taken,
)
from tests.support.pseudonyms import PSEUDONYMS

PERSON = "ann-of-the-arcade"
PERSONS = list(PSEUDONYMS.all_epochs(APP, PERSON))


def now() -> Timestamp:
    found = Timestamp()
    found.GetCurrentTime()
    return found


async def fence(ingest: Ingest, fenced_at: Timestamp) -> None:
    await ingest.people.Fence(
        people_pb.FenceRequest(app_id=APP, subject_id=PERSON, persons=PERSONS, fenced_at=fenced_at),
        metadata=METADATA,
        timeout=20,
    )


async def erase(ingest: Ingest, fenced_at: Timestamp, **fields: Any) -> None:
    done = await ingest.people.EraseSubject(
        people_pb.EraseSubjectRequest(
            app_id=APP,
            subject_id=PERSON,
            persons=PERSONS,
            request_id=str(uuid.uuid4()),
            fenced_at=fenced_at,
            **fields,
        ),
        metadata=METADATA,
        timeout=20,
    )
    assert done.done


@pytest.mark.parametrize("pseudonym_epoch", [1, 2])
async def test_erased_then_replayed(ingest: Ingest) -> None:
    await ingest.load(OPEN)
    ahead = played("ahead", '{"score": 1.5}', subject_id=PERSON)
    # By its sender's clock it occurs after the erasure.
    ahead.occurred_at.seconds += 300
    await reject(
        ingest,
        played("a", '{"score": 1.5}', subject_id=PERSON),
        ahead,
        played("b", '{"score": 2.5}', subject_id="bob-of-the-arcade"),
    )
    await ingest.load(FIXED)
    listed = await replayed(ingest, dry_run=True)
    assert fates(listed) == {"PROPERTIES_INVALID": {"accepted": 3}}
    fenced_at = now()
    # With the pseudonyms of the first epoch, which may be over when letters are replayed.
    await fence(ingest, fenced_at)
    # Behind the fence, before the letters are gone.
    between = await replayed(ingest)
    assert fates(between) == {"PROPERTIES_INVALID": {"accepted": 1, "erased": 2}}
    await erase(ingest, fenced_at)
    after = await replayed(ingest)
    assert fates(after) == {}
    assert taken(ingest) == {"b": 1}
    assert letters(ingest) == []


async def test_letters_that_a_law_keeps_are_not_replayed(ingest: Ingest) -> None:
    await ingest.load(OPEN)
    await reject(ingest, played("a", '{"score": 1.5}', subject_id=PERSON))
    await ingest.load(FIXED)
    fenced_at = now()
    await fence(ingest, fenced_at)
    await erase(ingest, fenced_at, withheld_names=["game.played"], withheld_because=["a law"])
    found = await replayed(ingest)
    assert fates(found) == {"PROPERTIES_INVALID": {"erased": 1}}
    assert (taken(ingest), len(letters(ingest))) == ({}, 1)


async def test_a_fence_waits_for_a_part_whose_events_are_in_the_stream(ingest: Ingest) -> None:
    """So what is in the stream when the fence is there is all that comes: the erasure waits for that."""
    await ingest.load(OPEN)
    await reject(ingest, played("a", '{"score": 1.5}', subject_id=PERSON))
    await ingest.load(FIXED)
    async with held(ingest):
        fencing = asyncio.create_task(fence(ingest, now()))
        done, _ = await asyncio.wait({fencing}, timeout=1.0)
        assert not done
    await fencing
    assert fates(await replayed(ingest)) == {}
    assert (taken(ingest), letters(ingest)) == ({"a": 1}, [])


async def test_a_part_that_is_cut_short_behind_the_append_is_done_again(
    ingest: Ingest, role_url: Callable[[str], str]
) -> None:
    await ingest.load(OPEN)
    await reject(ingest, played("a", '{"score": 1.5}'), played("b", '{"score": 2.5}'))
    await ingest.load(FIXED)
    async with held(ingest) as request_id:
        with psycopg.connect(role_url("weir_ingest")) as its_own:
            its_own.execute(
                f"SELECT pg_terminate_backend(pid) FROM ({BLOCKED}) AS blocked".encode()
            )
    found = await asked_until_done(ingest, request_id)
    assert fates(found) == {"PROPERTIES_INVALID": {"duplicate": 2}}
    assert (taken(ingest), letters(ingest)) == ({"a": 1, "b": 1}, [])
