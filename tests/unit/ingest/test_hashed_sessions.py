"""Sessions of an app whose catalog asks for keyed hashes: no event is stored with one as it was sent."""

from typing import Any

import pytest

from libs.catalog import CatalogError
from services.ingest.intake.model import Verdict
from tests.support.chess_catalog import CHESS, chess
from tests.support.consents import consent_text
from tests.support.events import event_of
from tests.support.ingest_pipeline import COACHING, NO_TELEMETRY, PSEUDONYMS, Ingest, serialized

CATALOG = chess(CHESS + "collection: {session_id: hashed}\n")
HASHED = PSEUDONYMS.pseudonym("chess", "session\x00canary")
EVENTS: dict[str, dict[str, Any]] = {
    "with consent": {"subject_id": "ann"},
    "without consent": {"subject_id": "bob"},
    "of no person": {},
    "of a visitor": {"anonymous_id": "tab-7"},
    "that asks for no consent": {"name": "login.failed", "subject_id": "bob"},
    "marked pii": {"privacy_level": 3},
    "that names another person": {
        "name": "game.shared",
        "subject_id": "ann",
        "properties_json": b'{"with":"bob"}',
    },
}


@pytest.mark.parametrize("kind", EVENTS)
@pytest.mark.parametrize("producer", [0, 1])
async def test_a_session_is_stored_as_one_keyed_hash(kind: str, producer: int) -> None:
    ingest = Ingest({"ann": COACHING, "bob": NO_TELEMETRY}, catalog=CATALOG)
    event = event_of(**{"session_id": "canary", "producer": producer, **EVENTS[kind]})
    outcome = await ingest.take(event)
    assert (outcome.verdicts == [Verdict.REJECTED]) is bool(producer)
    [(_, append)] = ingest.stream.appends
    assert b"canary" not in serialized(append)
    # A dead letter may hold none at all.
    sessions = {stored.session_id for stored in ingest.stored()}
    assert sessions == (set() if producer else {HASHED})
    assert {letter.event.session_id for letter in ingest.letters()} <= {HASHED, ""}


async def test_a_session_still_says_whose_an_event_is_and_that_a_person_is_meant() -> None:
    """What is compared with sessions is compared before they are replaced."""
    ingest = Ingest({"ann": COACHING, "bob": NO_TELEMETRY}, catalog=CATALOG)
    lesson = event_of("l", name="lesson.given", session_id="s", properties_json=b'{"minutes":3}')
    named = event_of("n", subject_id="ann", session_id="s")
    shared = event_of(
        "o",
        name="game.shared",
        subject_id="ann",
        session_id="bob",
        properties_json=b'{"with":"bob"}',
    )
    outcome = await ingest.take(lesson, named, shared)
    assert outcome.verdicts == [Verdict.ACCEPTED] * 3
    assert [stored.session_id for stored in ingest.stored()] == [
        *[PSEUDONYMS.pseudonym("chess", "session\x00s")] * 2,
        "",
    ]


async def test_other_apps_keep_sessions_as_they_are_sent() -> None:
    ingest = Ingest({"ann": consent_text(1, telemetry=True)})
    await ingest.take(event_of(subject_id="ann", session_id="s"))
    assert [stored.session_id for stored in ingest.stored()] == ["s"]


def test_a_misspelt_word_is_a_mistake() -> None:
    with pytest.raises(CatalogError, match="`hased` is not one of as_sent, hashed"):
        chess(CHESS + "collection: {session_id: hased}\n")
