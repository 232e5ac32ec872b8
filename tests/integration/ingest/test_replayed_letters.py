"""ReplayDeadLetters against a running ingest and real stores: after a fix, each event is taken once."""

import asyncio
import json
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import psycopg
import pytest
from weir.common.v1.event_pb2 import Event
from weir.ingest.v1 import dead_letter_service_pb2 as pb
from weir.ingest.v1 import ingest_service_pb2

from libs.consent import consent_key
from libs.streams.names import AUDIT_STREAM
from tests.integration.ingest.conftest import (
    APP,
    CATALOG,
    METADATA,
    Ingest,
    played,
    reject,
    store_letters,
)
from tests.support.pseudonyms import PSEUDONYMS
from tests.support.waiting import until
from tests.support.weir_command import weir

# Without counts-only events: then an unknown event keeps what it holds.
OPEN = CATALOG.replace(", counts_only: true", "")
FIXED = OPEN.replace(
    "  game.played: {category: play, properties: {score: {type: integer}}}\n",
    "  game.played: {category: play, properties: {score: {type: number}}}\n"
    "  game.won: {category: play, properties: {prize: {type: string}}}\n",
)

# Another role's statement is not shown, but its locks are.
BLOCKED = "SELECT pid FROM pg_locks WHERE relation = 'ingest.replays'::regclass AND NOT granted"


async def asked(ingest: Ingest, request_id: str = "", **fields: Any) -> pb.DeadLetterReplay:
    request = pb.ReplayDeadLettersRequest(
        app_id=APP, request_id=request_id or str(uuid.uuid4()), **fields
    )
    answer = await ingest.letters.ReplayDeadLetters(request, metadata=METADATA, timeout=20)
    replay: pb.DeadLetterReplay = answer.replay
    return replay


async def replayed(ingest: Ingest, **fields: Any) -> pb.DeadLetterReplay:
    """A replay, when it has ended."""
    found = await asked(ingest, **fields)
    return await asked_until_done(ingest, found.request_id, **fields)


async def asked_until_done(ingest: Ingest, request_id: str, **fields: Any) -> pb.DeadLetterReplay:
    found = pb.DeadLetterReplay()

    async def has_ended() -> bool:
        again = await asked(ingest, request_id, **fields)
        found.CopyFrom(again)
        return again.state != pb.REPLAY_STATE_RUNNING

    await until(has_ended)
    return found


@asynccontextmanager
async def held(ingest: Ingest, **fields: Any) -> AsyncIterator[str]:
    """A replay whose part has appended its events and cannot be committed until the end of the block; its
    id."""
    found = await asked(ingest, **fields)
    with psycopg.connect(ingest.database_url) as connection:
        # Against changes, and not against the lock that the part holds on its row.
        connection.execute("LOCK TABLE ingest.replays IN SHARE MODE")
        await until(lambda: ingest.taken())
        await until(lambda: ingest.sql(BLOCKED))
        yield found.request_id


async def reject_at_once(ingest: Ingest, events: Sequence[Event]) -> None:
    """Sends the first events of a test in one call, all to be rejected; returns when their letters are
    stored."""
    request = ingest_service_pb2.TrackBatchRequest(app_id=APP, events=events)
    await ingest.events.TrackBatch(request, metadata=METADATA, timeout=20)
    await until(lambda: len(letters(ingest)) == len(events))


async def six_letters(ingest: Ingest) -> None:
    """Letters of the events `e0` to `e5`, each of which the catalog that is loaded then takes."""
    await ingest.load(OPEN)
    await reject_at_once(ingest, [played(f"e{n}", '{"score": 1.5}') for n in range(6)])
    await ingest.load(FIXED)


def fates(replay: pb.DeadLetterReplay) -> dict[str, dict[str, int]]:
    return {
        each.reason: {
            field.name: number for field, number in each.ListFields() if field.name != "reason"
        }
        for each in replay.reasons
    }


def letters(ingest: Ingest) -> list[tuple[Any, ...]]:
    return ingest.sql("SELECT event_id, reason, field FROM ingest.dead_letters ORDER BY event_id")


def taken(ingest: Ingest) -> Counter[str]:
    return Counter(event.event_id for event in ingest.taken())


async def test_after_a_fix_each_event_is_taken_once_however_often_it_is_replayed(
    ingest: Ingest,
) -> None:
    await ingest.load(OPEN)
    await reject(
        ingest,
        played("a", '{"score": 1.5}', subject_id="ann"),
        played("b", '{"score": "ten"}', subject_id="ann"),
        played("c", '{"prize": "cup"}', name="game.won", subject_id="bob"),
        played("d", '{"score": 2.5}', subject_id="eve", anonymous_id="device-7"),
    )
    # As long ago as they may wait, and longer than an event may be old when it comes.
    ingest.sql(
        "UPDATE ingest.dead_letters SET received_at = received_at - interval '29 days' RETURNING 1"
    )
    [(before,)] = ingest.sql("SELECT event FROM ingest.dead_letters WHERE event_id = 'd'")
    for (event_id,) in ingest.sql("SELECT event_id FROM ingest.dead_letters"):
        [(content,)] = ingest.sql(
            "SELECT event FROM ingest.dead_letters WHERE event_id = %s", event_id
        )
        event = Event.FromString(bytes(content))
        event.occurred_at.seconds -= 29 * 86_400 + 20 * 86_400
        ingest.sql(
            "UPDATE ingest.dead_letters SET event = %s WHERE event_id = %s RETURNING 1",
            *(event.SerializeToString(), event_id),
        )
    unfixed = await replayed(ingest, dry_run=True)
    assert fates(unfixed) == {
        "PROPERTIES_INVALID": {"rejected": 3},
        "EVENT_UNKNOWN": {"rejected": 1},
    }
    await ingest.load(FIXED)
    tried = await replayed(ingest, dry_run=True)
    expected = {
        "PROPERTIES_INVALID": {"accepted": 2, "rejected": 1},
        "EVENT_UNKNOWN": {"accepted": 1},
    }
    assert fates(tried) == expected
    assert dict(tried.rejected_now) == {"PROPERTIES_INVALID": 1}
    assert len(letters(ingest)) == 4
    assert ingest.taken() == []
    done = await replayed(ingest)
    assert (done.state, fates(done)) == (pb.REPLAY_STATE_DONE, expected)
    assert taken(ingest) == {"a": 1, "c": 1, "d": 1}
    assert letters(ingest) == [("b", "PROPERTIES_INVALID", "properties.score")]
    again = await replayed(ingest)
    assert fates(again) == {"PROPERTIES_INVALID": {"rejected": 1}}
    assert taken(ingest) == {"a": 1, "c": 1, "d": 1}
    # What was hashed when it came first is not hashed again.
    [event] = [each for each in ingest.taken() if each.event_id == "d"]
    assert event.anonymous_id == Event.FromString(bytes(before)).anonymous_id
    entries: Any = ingest.redis.xrange(AUDIT_STREAM)
    assert len([1 for _, fields in entries if b"dead_letters.replayed" in fields[b"entry"]]) == 4


async def test_what_is_rejected_again_has_the_reason_of_now_and_stays_one_letter(
    ingest: Ingest,
) -> None:
    await ingest.load(OPEN)
    await reject(ingest, played("a", '{"score": "ten"}', subject_id="ann"))
    [(id_,)] = ingest.sql("SELECT dead_letter_id FROM ingest.dead_letters")
    await ingest.load(OPEN.replace("  game.played:", "  game.over:"))
    found = await replayed(ingest)
    assert dict(found.rejected_now) == {"EVENT_UNKNOWN": 1}
    assert ingest.sql("SELECT dead_letter_id, reason, field FROM ingest.dead_letters") == [
        (id_, "EVENT_UNKNOWN", "name")
    ]


async def test_consent_is_asked_now_and_of_counts_only_events_nothing_is_left_to_take(
    ingest: Ingest,
) -> None:
    await reject(
        ingest,
        played("a", '{"score": 1.5}', subject_id="ann"),
        played("b", '{"characters": 2.5}', name="chat.sent"),
    )
    ingest.record("ann", 1, telemetry=False)
    await ingest.load(CATALOG.replace("integer", "number"))
    found = await replayed(ingest)
    assert fates(found) == {"PROPERTIES_INVALID": {"dropped": 1, "not_replayable": 1}}
    assert ingest.taken() == []
    assert ingest.sql("SELECT name FROM ingest.dead_letters") == [("chat.sent",)]


async def test_a_filter_and_an_event_that_came_right_meanwhile(ingest: Ingest) -> None:
    await ingest.load(OPEN)
    await reject(
        ingest, played("a", '{"score": 1.5}'), played("b", '{"prize": "cup"}', name="game.won")
    )
    await ingest.load(FIXED)
    # Its sender sends it again.
    request = ingest_service_pb2.TrackBatchRequest(app_id=APP, events=[played("a", '{"score": 1}')])
    await ingest.events.TrackBatch(request, metadata=METADATA, timeout=20)
    only = pb.DeadLetterFilter(reasons=["PROPERTIES_INVALID"], fields=["properties.score"])
    found = await replayed(ingest, filter=only)
    assert fates(found) == {"PROPERTIES_INVALID": {"duplicate": 1}}
    assert taken(ingest) == {"a": 1}
    assert letters(ingest) == [("b", "EVENT_UNKNOWN", "name")]


async def test_what_failed_at_enrich_is_taken_although_its_id_is_known(ingest: Ingest) -> None:
    event = played("a", '{"score": 1}', subject_id="ann")
    request = ingest_service_pb2.TrackBatchRequest(app_id=APP, events=[event])
    answer = await ingest.events.TrackBatch(request, metadata=METADATA, timeout=20)
    assert answer.counts.accepted == 1
    [accepted] = ingest.taken()
    insert = """
        INSERT INTO ingest.dead_letters (dead_letter_id, received_at, app_id, stage, reason, field, message,
            event_id, name, event, content)
        VALUES (%s, now() - interval '1 minute', 'arcade', 'enrich', 'PROCESSING_FAILED', '', '', 'a',
            'game.played', %s, 'whole') RETURNING 1
    """
    letter = uuid.uuid4(), accepted.SerializeToString()
    for _ in range(2):
        # As if ingest had been killed before the letter was removed.
        ingest.sql(insert, *letter)
        found = await replayed(ingest, max_rejected_share=1)
        assert letters(ingest) == []
    assert fates(found) == {"PROCESSING_FAILED": {"duplicate": 1}}
    # Enrich stores an event once, by its id and time.
    assert [event.SerializeToString() for event in ingest.taken()] == [letter[1]] * 2


async def test_letters_of_restricted_people_are_left_alone_by_whatever_they_name_them(
    ingest: Ingest,
) -> None:
    current, *_ = PSEUDONYMS.all_epochs(APP, "ann-of-the-arcade")
    await ingest.load(OPEN.replace("score: {type: integer}", "by: {type: string}"))
    store_letters(
        ingest,
        played("named", "{}", subject_id="ann-of-the-arcade"),
        played("pseudonymous", "{}", anonymous_id=current),
        played("mentioned", '{"by": "ann-of-the-arcade"}'),
        played("free", "{}"),
    )
    ingest.redis.hset(consent_key(APP, 0), "ann-of-the-arcade", b"9;:1 *")
    ingest.privacy.restricted.add("ann-of-the-arcade")
    found = await replayed(ingest)
    assert fates(found) == {"PROCESSING_FAILED": {"accepted": 1, "not_replayable": 3}}
    assert taken(ingest) == {"free": 1}
    left = {"named", "pseudonymous", "mentioned"}
    assert {event_id for event_id, *_ in letters(ingest)} == left
    # Once it is lifted, they can be replayed.
    ingest.record("ann-of-the-arcade", 10, telemetry=True)
    ingest.privacy.restricted.clear()
    assert fates(await replayed(ingest)) == {"PROCESSING_FAILED": {"accepted": 3}}


async def test_a_flood_of_rejections_stops_the_replay(ingest: Ingest) -> None:
    await ingest.load(OPEN)
    await reject_at_once(ingest, [played(f"e{n:02}", '{"score": "ten"}') for n in range(30)])
    stopped = await replayed(ingest, events_per_second=20)
    assert stopped.state == pb.REPLAY_STATE_STOPPED
    assert stopped.stopped_because.startswith("20 of 20 events")
    assert fates(stopped) == {"PROPERTIES_INVALID": {"rejected": 20}}
    through = await replayed(ingest, events_per_second=20, max_rejected_share=1)
    assert (through.state, fates(through)) == (
        pb.REPLAY_STATE_DONE,
        {"PROPERTIES_INVALID": {"rejected": 30}},
    )


async def test_a_rate_holds(ingest: Ingest) -> None:
    await six_letters(ingest)
    began = time.monotonic()
    await replayed(ingest, events_per_second=2)
    # Two at once, and two more after each second.
    assert time.monotonic() - began > 2
    assert sum(taken(ingest).values()) == 6


async def test_one_that_is_cancelled_ends_behind_the_part_that_is_under_way(
    ingest: Ingest, home: Path
) -> None:
    await six_letters(ingest)
    async with held(ingest, events_per_second=2) as request_id:
        wanted = pb.CancelReplayRequest(app_id=APP, request_id=request_id)
        call = asyncio.ensure_future(
            ingest.letters.CancelReplay(wanted, metadata=METADATA, timeout=20)
        )
        # The part and the cancellation, which is behind it.
        await until(lambda: len(ingest.sql(BLOCKED)) == 2)
        assert not call.done()
    cancelled = (await call).replay
    assert (cancelled.state, cancelled.stopped_because) == (
        pb.REPLAY_STATE_CANCELLED,
        "suite token",
    )
    assert cancelled.HasField("finished_at")
    # What was appended is counted, and of the rest nothing is.
    assert fates(cancelled) == {"PROPERTIES_INVALID": {"accepted": 2}}
    assert (len(letters(ingest)), sum(taken(ingest).values())) == (4, 2)
    again = await asyncio.to_thread(
        weir, home, "dead-letters", "cancel", "--app", APP, "--request", request_id
    )
    assert again.stdout.splitlines()[-1] == f"replay {request_id}: cancelled by suite token"
    assert await asked(ingest, request_id, events_per_second=2) == cancelled
    followed = await asyncio.to_thread(
        weir,
        *(home, "dead-letters", "replay", "--app", APP, "--rate", "2", "--request", request_id),
    )
    assert (followed.returncode, followed.stdout) == (1, again.stdout)
    entries: Any = ingest.redis.xrange(AUDIT_STREAM)
    acts = [json.loads(fields[b"entry"]) for _, fields in entries]
    assert [each["details"] for each in acts if each["action"].endswith("replay_cancelled")] == [
        {"replay": request_id}
    ]
    # Another one takes all the rest.
    assert fates(await replayed(ingest)) == {"PROPERTIES_INVALID": {"accepted": 4}}
    assert taken(ingest) == Counter({f"e{n}": 1 for n in range(6)})
    unknown = pb.CancelReplayRequest(app_id=APP, request_id=str(uuid.uuid4()))
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await ingest.letters.CancelReplay(unknown, metadata=METADATA, timeout=20)
    assert refused.value.code() is grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"request_id": "x"}, grpc.StatusCode.INVALID_ARGUMENT),
        ({"max_rejected_share": 1.5}, grpc.StatusCode.INVALID_ARGUMENT),
        ({"max_rejected_share": float("nan")}, grpc.StatusCode.INVALID_ARGUMENT),
        ({"events_per_second": 10_001}, grpc.StatusCode.INVALID_ARGUMENT),
    ],
)
async def test_requests_that_cannot_be_meant(
    ingest: Ingest, fields: dict[str, Any], code: grpc.StatusCode
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await asked(ingest, **fields)
    assert refused.value.code() is code
    replay = await asked(ingest)
    with pytest.raises(grpc.aio.AioRpcError) as differs:
        await asked(ingest, replay.request_id, dry_run=True)
    assert differs.value.code() is grpc.StatusCode.ALREADY_EXISTS


async def test_the_command_tries_and_replays(ingest: Ingest, home: Path) -> None:
    await ingest.load(OPEN)
    await reject(ingest, played("a", '{"score": 1.5}'))
    await ingest.load(FIXED)
    words = ("dead-letters", "replay", "--app", APP)
    tried = await asyncio.to_thread(weir, home, *words, "--dry-run")
    assert tried.returncode == 0, tried.stderr
    assert "dry run: nothing was changed" in tried.stdout
    assert len(letters(ingest)) == 1
    done = await asyncio.to_thread(weir, home, *words, "--reason", "PROPERTIES_INVALID", "--json")
    found = json.loads(done.stdout)
    assert found["reasons"] == [{"reason": "PROPERTIES_INVALID", "accepted": "1"}]
    assert taken(ingest) == {"a": 1}
    again = await asyncio.to_thread(
        weir, home, *words, "--reason", "PROPERTIES_INVALID", "--request", found["request_id"]
    )
    assert again.stdout.splitlines()[-1] == f"replay {found['request_id']}: done"
    assert again.stderr == ""
