"""A catalog that is replaced while a batch is under way, and from the next batch on."""

import pytest

from libs.catalog import Snapshot
from libs.common.errors import AppUnknown
from services.ingest.intake.model import Verdict
from tests.support.chess_catalog import CHESS, chess
from tests.support.events import event_of
from tests.support.ingest_pipeline import Ingest

# A property has to be there, and an event is gone.
STRICTER = CHESS.replace("  login.failed: {category: audit}\n", "").replace(
    "properties: {board: {type: integer}}",
    "properties: {board: {type: integer}}, required: [board]",
)
DENIED = CHESS.replace(
    "{default: granted, when_denied: anonymize}", "{default: denied, when_denied: drop}"
)


async def test_a_batch_keeps_the_catalog_with_which_it_began() -> None:
    ingest = Ingest()
    ingest.answers.before_read = lambda: ingest.catalogs.replace(Snapshot.of())
    first = await ingest.take(event_of("e1", subject_id="ann"))
    assert first.verdicts == [Verdict.ACCEPTED]
    assert [event.event_id for event in ingest.stored()] == ["e1"]
    with pytest.raises(AppUnknown):
        await ingest.take(event_of("e2", subject_id="ann"))


async def test_the_next_batch_is_checked_by_the_new_catalog() -> None:
    ingest = Ingest()

    async def verdicts_of(batch: str) -> list[Verdict]:
        outcome = await ingest.take(
            event_of(f"{batch}-1"),
            event_of(f"{batch}-2", name="login.failed", properties_json=b"{}"),
            event_of(f"{batch}-3", name="chat.sent", properties_json=b"{}"),
        )
        return outcome.verdicts

    assert await verdicts_of("before") == [Verdict.ACCEPTED] * 3
    ingest.catalogs.replace(Snapshot.of(chess(STRICTER)))
    assert await verdicts_of("after") == [Verdict.ACCEPTED, Verdict.REJECTED, Verdict.REJECTED]


async def test_another_default_of_a_purpose_holds_from_the_next_batch_on() -> None:
    ingest = Ingest()
    assert (await ingest.take(event_of("e1", subject_id="ann"))).verdicts == [Verdict.ACCEPTED]
    ingest.catalogs.replace(Snapshot.of(chess(DENIED)))
    assert (await ingest.take(event_of("e2", subject_id="ann"))).verdicts == [Verdict.DROPPED]
