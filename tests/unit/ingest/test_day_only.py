"""Of a counts-only event no time finer than its day goes into the streams."""

import uuid
from datetime import UTC, datetime

import pytest
from weir.common.v1 import event_pb2

from libs.catalog import CatalogError
from services.ingest.intake.model import Append, Verdict
from tests.support.chess_catalog import CHESS, chess
from tests.support.clocks import NOW_US
from tests.support.consents import consent_text
from tests.support.events import event_at
from tests.support.ingest_pipeline import PSEUDONYMS, Ingest
from tests.support.pseudonyms import keyed_event_id

ALL = consent_text(1, telemetry=True)
# NOW_US is 2026-09-10T00:26:40Z; the event occurred on the day before.
SENT = datetime(2026, 9, 9, 13, 14, 15, 161718, UTC)
DAY = datetime(2026, 9, 9, tzinfo=UTC)
DAY_OF_RECEIPT_US = 1_788_998_400_000_000
LAST_MS = DAY_OF_RECEIPT_US // 1000 + 86_400_000 - 1


def _counted(event_id: str, **fields: str) -> event_pb2.Event:
    return event_at(
        int(SENT.timestamp() * 1e6),
        event_id,
        name="chat.sent",
        properties_json=b'{"board":1}',
        **fields,
    )


def _appends(ingest: Ingest) -> dict[bool, Append]:
    return {append.day_only: append for _, append in ingest.stream.appends}


async def test_time_session_and_id_are_gone_and_its_batch_says_the_day() -> None:
    ingest = Ingest({"ann": ALL})
    timed = str(uuid.UUID("01993023-2d69-7000-8000-000000000001"))
    outcome = await ingest.take(
        _counted(timed, subject_id="ann", session_id="s-1"), event_at(NOW_US, "game")
    )
    assert outcome.verdicts == [Verdict.ACCEPTED] * 2
    appends = _appends(ingest)
    [event] = appends[True].events
    assert event.occurred_at.ToDatetime(UTC) == DAY
    assert event.session_id == ""
    assert event.event_id == keyed_event_id(PSEUDONYMS, "chess", timed)
    assert appends[True].received_at_us == DAY_OF_RECEIPT_US
    # A UUIDv7 of the end of the day: never below the ids that a later reader begins with.
    batch_id = uuid.UUID(bytes=appends[True].batch_id)
    assert (batch_id.version, batch_id.variant) == (7, uuid.RFC_4122)
    assert batch_id.int >> 80 == LAST_MS
    # What Redis keeps beside the event's id is of that time as well, and does not lead to the batch.
    mark = appends[True].mark
    assert int.from_bytes(mark[:6], "big") == LAST_MS
    assert mark != appends[True].batch_id
    [game] = appends[False].events
    assert (game.event_id, appends[False].received_at_us) == ("game", NOW_US)
    assert appends[False].mark == b""


async def test_the_same_event_again_is_a_duplicate_and_its_sender_reads_its_own_id() -> None:
    ingest = Ingest({"ann": ALL})
    outcome = await ingest.take(*(_counted("mine", subject_id="ann") for _ in range(2)))
    assert outcome.verdicts == [Verdict.ACCEPTED, Verdict.DUPLICATE]
    assert outcome.sent_ids[1] == "mine"
    later = await ingest.take(_counted("mine", subject_id="ann"), _counted("other"))
    assert later.verdicts == [Verdict.DUPLICATE, Verdict.ACCEPTED]


@pytest.mark.parametrize("name", ["chat.sent", "chat.snet"])
async def test_a_dead_letter_says_the_day(name: str) -> None:
    """Also of a name that may be a misspelt one."""
    ingest = Ingest({"ann": ALL})
    event = event_at(int(SENT.timestamp() * 1e6), "7", name=name, properties_json=b'{"board":"x"}')
    assert (await ingest.take(event)).verdicts == [Verdict.REJECTED]
    [letter] = ingest.letters()
    assert letter.received_at_us == DAY_OF_RECEIPT_US
    assert letter.event.occurred_at.ToDatetime(UTC) == DAY
    assert letter.event.event_id == keyed_event_id(PSEUDONYMS, "chess", "7")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            CHESS.replace("{board: {type: integer}}", "{at: {type: string, format: date-time}}"),
            "of a counts-only event has at most a date",
        ),
        (
            CHESS + "gauges: {chatting: {seen: chat.sent, within: 5m}}\n",
            "`chat.sent` is counts-only: of its time only the day is kept",
        ),
    ],
)
def test_a_catalog_cannot_ask_for_more(text: str, found: str) -> None:
    with pytest.raises(CatalogError, match=found):
        chess(text)


def test_a_gauge_of_all_activity_leaves_these_events_out() -> None:
    catalog = chess(CHESS + "gauges: {here: {seen: activity, within: 5m}}\n")
    [seen] = catalog.gauges["here"].enters
    assert seen.events == frozenset(catalog.events) - {"chat.sent"}
