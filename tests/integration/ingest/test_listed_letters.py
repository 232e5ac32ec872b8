"""ListDeadLetters against a running ingest: what was refused, why, and who may see whose it was."""

import asyncio
import csv
import json
import re
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import grpc
import pytest
from weir.ingest.v1 import dead_letter_service_pb2 as pb

from libs.common.errors import Unavailable
from libs.rpc import access
from libs.rpc.peers import Peers
from libs.rpc.permissions import Permission
from libs.rpc.principal import Principal
from libs.rpc.restricted_people import RemoteRestrictedPeople
from libs.runtime.settings import PeerSettings
from libs.streams.names import AUDIT_STREAM
from tests.integration.ingest.conftest import (
    APP,
    METADATA,
    Ingest,
    played,
    reject,
    store_letters,
)
from tests.support.pseudonyms import PSEUDONYMS
from tests.support.restricted_people import restricting_privacy
from tests.support.weir_command import weir


async def listed(ingest: Ingest, **fields: Any) -> pb.ListDeadLettersResponse:
    request = pb.ListDeadLettersRequest(app_id=APP, **fields)
    answer: pb.ListDeadLettersResponse = await ingest.letters.ListDeadLetters(
        request, metadata=METADATA, timeout=20
    )
    return answer


async def test_letters_are_listed_by_filter_and_page_and_counted_by_reason(ingest: Ingest) -> None:
    await reject(
        ingest,
        played("a", '{"score": "ten"}', subject_id="ann-of-the-arcade"),
        played("b", "{}", name="game.won", subject_id="ann-of-the-arcade"),
        played("c", '{"score": 1.5}', subject_id="bob-of-the-arcade"),
        played("d", '{"characters": "hello Ann"}', name="chat.sent"),
    )
    first = await listed(ingest, page_size=3)
    second = await listed(ingest, page_size=3, page_token=first.next_page_token)
    letters = [*first.dead_letters, *second.dead_letters]
    # Of what is or may be counts-only, the day alone is kept.
    assert [(each.name, each.reason, each.field) for each in letters[:2]] == [
        ("game.played", "PROPERTIES_INVALID", "properties.score"),
        ("game.played", "PROPERTIES_INVALID", "properties.score"),
    ]
    assert sorted((each.name, each.reason, each.field) for each in letters[2:]) == [
        ("chat.sent", "PROPERTIES_INVALID", "properties.characters"),
        ("game.won", "EVENT_UNKNOWN", "name"),
    ]
    assert (second.next_page_token, list(second.counts)) == ("", [])
    assert [(each.reason, each.field, each.letters) for each in first.counts] == [
        ("PROPERTIES_INVALID", "properties.score", 2),
        ("EVENT_UNKNOWN", "name", 1),
        ("PROPERTIES_INVALID", "properties.characters", 1),
    ]
    # Of a counts-only event, and of an unknown one that may be one misspelt, nothing is left to replay.
    assert [each.can_be_replayed for each in letters] == [True, True, False, False]
    assert [each.content for each in letters] == [
        *([pb.DEAD_LETTER_CONTENT_WHOLE] * 2),
        *([pb.DEAD_LETTER_CONTENT_BARE] * 2),
    ]
    # Nothing of a person without the events, and no entry of the audit trail.
    shown = first.SerializeToString() + second.SerializeToString()
    assert b"of-the-arcade" not in shown
    assert b"ten" not in shown
    assert ingest.redis.xlen(AUDIT_STREAM) == 0
    scores = pb.DeadLetterFilter(fields=["properties.score"], names=["game.played"])
    scores.received_from.CopyFrom(letters[0].received_at)
    found = await listed(ingest, filter=scores, show_events=True)
    [letter] = found.dead_letters
    assert (letter.event.event_id, letter.event.subject_id) == ("c", "bob-of-the-arcade")
    assert letter.event.properties_json == b'{"score": 1.5}'
    found_entries: Any = ingest.redis.xrange(AUDIT_STREAM)
    [(_, fields)] = found_entries
    entry = json.loads(fields[b"entry"])
    assert (entry["action"], entry["app_id"]) == ("dead_letters.listed", APP)
    assert entry["details"] == {"letters": 1}
    # Of a person whose data are restricted, the event is not shown.
    ingest.privacy.restricted.add("bob-of-the-arcade")
    [letter] = (await listed(ingest, filter=scores, show_events=True)).dead_letters
    assert letter.reason == "PROPERTIES_INVALID"
    assert not letter.HasField("event")
    scores.received_to.CopyFrom(letters[0].received_at)
    scores.ClearField("received_from")
    before = await listed(ingest, filter=scores, show_events=True)
    assert [each.event.event_id for each in before.dead_letters] == ["a"]
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await listed(ingest, filter=pb.DeadLetterFilter(reasons=["NO_SUCH_REASON"]))
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_events_are_shown_to_those_only_who_may_read_events(
    ingest: Ingest, monkeypatch: pytest.MonkeyPatch
) -> None:
    await reject(ingest, played("a", '{"score": "ten"}', subject_id="ann-of-the-arcade"))
    operator = Principal("operator", frozenset({Permission.READ_DEAD_LETTERS}))
    monkeypatch.setattr(access.AccessControl, "principal", lambda *_: operator)
    assert len((await listed(ingest)).dead_letters) == 1
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await listed(ingest, show_events=True)
    assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED


async def test_no_event_about_a_restricted_person_is_shown_by_whatever_it_names_them(
    ingest: Ingest,
) -> None:
    current, *_ = PSEUDONYMS.all_epochs(APP, "ann-of-the-arcade")
    store_letters(
        ingest,
        played("named", "{}", subject_id="ann-of-the-arcade"),
        played("under a pseudonym", "{}", anonymous_id=current),
        played("without a subject", '{"by": [{"player": "ann-of-the-arcade"}]}'),
        played("another's", '{"with": "ann-of-the-arcade"}', subject_id="bob"),
        played("of no one", '{"score": "ten"}'),
    )

    async def shown() -> set[str]:
        found = await listed(ingest, show_events=True)
        assert len(found.dead_letters) == 5
        return {each.event.event_id for each in found.dead_letters if each.HasField("event")}

    assert len(await shown()) == 5
    # On the second page of three.
    ingest.privacy.restricted |= {f"{name}-of-the-arcade" for name in ("abe", "ann", "zoe")}
    assert await shown() == {"another's", "of no one"}
    # If that is not known, none is shown; what says nothing of people is.
    ingest.privacy.is_away = True
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await shown()
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
    assert len((await listed(ingest)).dead_letters) == 5


async def test_the_pages_of_restricted_people_have_one_deadline_together() -> None:
    async with AsyncExitStack() as stack:
        privacy = await stack.enter_async_context(restricting_privacy())
        settings = PeerSettings(privacy_address=privacy.address)
        people = RemoteRestrictedPeople(Peers(settings, stack), seconds=1.0)
        privacy.restricted = {"ann"}
        assert (await people.of_app(APP)).subject_ids == ("ann",)
        # 6 seconds, each page of them far from its own deadline.
        privacy.restricted = {f"player {number:02}" for number in range(30)}
        privacy.page_seconds = 0.2
        with pytest.raises(Unavailable, match="no answer in time"):
            await people.of_app(APP)


async def test_letters_of_a_release_that_did_not_say_can_be_replayed_if_they_have_properties(
    ingest: Ingest,
) -> None:
    await reject(
        ingest, played("a", '{"score": "ten"}'), played("b", '{"characters": 2.5}', "chat.sent")
    )
    ingest.sql("UPDATE ingest.dead_letters SET content = '' RETURNING 1")
    found = await listed(ingest)
    assert [each.can_be_replayed for each in found.dead_letters] == [True, False]
    assert {each.content for each in found.dead_letters} == {pb.DEAD_LETTER_CONTENT_UNSPECIFIED}


async def test_the_command_shows_counts_and_letters(ingest: Ingest, home: Path) -> None:
    await reject(
        ingest,
        played("a", '{"score": "ten"}', subject_id="ann-of-the-arcade"),
        played("b", "{}", name="game.won"),
    )
    table = await run(home, "list", "--reason", "PROPERTIES_INVALID")
    assert table.returncode == 0, table.stderr
    assert "properties.score" in table.stdout
    assert "game.won" not in table.stdout
    # All that says what to do fits into 80 characters.
    narrow = await run(home, "list", COLUMNS="80")
    assert max(map(len, narrow.stdout.splitlines())) <= 80
    assert narrow.stderr == "1 column does not fit: letter; --json and --csv have all\n"
    titles, *rows = [
        [cell.strip() for cell in re.split("[┃│]", line)[1:-1]]
        for line in narrow.stdout.partition("\n\n")[2].splitlines()
        if line.startswith(("┃", "│"))
    ]
    assert titles == ["received", "event", "what is wrong", "replay", "at"]
    [_, event, wrong, replay, stage] = map("".join, zip(*rows, strict=True))
    # Of an unknown event, which may be counts-only, the day alone is kept, so it comes last.
    assert event == "game.playedgame.won"
    assert wrong.startswith("PROPERTIES_INVALIDproperties.score: ")
    assert "EVENT_UNKNOWNname: " in wrong
    assert (replay, stage) == ("yesno", "ingestingest")
    [header, *lines] = csv.reader((await run(home, "list", "--csv")).stdout.splitlines())
    assert [line[2:4] + line[5:7] for line in lines] == [
        ["PROPERTIES_INVALID", "properties.score", "can be", "ingest"],
        ["EVENT_UNKNOWN", "name", "cannot be", "ingest"],
    ]
    assert header == [
        *("received_at", "name", "reason", "field", "message"),
        *("can_be_replayed", "stage", "dead_letter_id"),
    ]
    plain = json.loads((await run(home, "list", "--events", "--json")).stdout)
    assert [each["event"].get("subject_id") for each in plain["dead_letters"]] == [
        "ann-of-the-arcade",
        None,
    ]
    assert {each["reason"]: each["letters"] for each in plain["counts"]} == {
        "EVENT_UNKNOWN": "1",
        "PROPERTIES_INVALID": "1",
    }
    nothing = await run(home, "list", "--name", "game.lost")
    assert nothing.stdout == "no dead letters\n"


async def run(home: Path, *words: str, **settings: str) -> CompletedProcess[str]:
    command = partial(weir, home, "dead-letters", *words, "--app", APP, **settings)
    return await asyncio.to_thread(command)
