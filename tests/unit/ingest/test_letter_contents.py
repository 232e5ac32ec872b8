"""What dead letters say of how much they hold, and with that whether they can be replayed."""

from typing import Any

import pytest
from weir.common.v1.event_pb2 import Event

from services.ingest.dead_letters.content import can_be_replayed
from tests.support.chess_catalog import CHESS, chess
from tests.support.consents import consent_text
from tests.support.events import event_of
from tests.support.ingest_pipeline import NO_TELEMETRY, Ingest

ALL = consent_text(1, telemetry=True, coaching=True)
STATES = {"ann": ALL, "bob": NO_TELEMETRY}
DECLARED = CHESS + "collection: {properties: declared}\n"
REDACTED = CHESS + "collection: {personal_data: redact}\n"
WRONG = b'{"moves":"many"}'


@pytest.mark.parametrize(
    ("catalog", "fields", "content", "replayable"),
    [
        (CHESS, {"properties_json": WRONG}, "whole", True),
        # Of what an accepted event would lose as well, nothing is missed.
        (DECLARED, {"properties_json": WRONG}, "whole", True),
        (DECLARED, {"properties_json": b'{"moves":"many","mood":"good"}'}, "reduced", True),
        (REDACTED, {"properties_json": b'{"moves":"ann@mail.test"}'}, "reduced", True),
        (
            CHESS,
            {"properties_json": WRONG, "entity": {"type": "player", "id": "bob"}},
            "reduced",
            True,
        ),
        (CHESS, {"properties_json": b'{"moves":3'}, "without_properties", False),
        (CHESS, {"properties_json": WRONG, "subject_id": "bob"}, "without_properties", False),
        (CHESS, {"name": "chat.sent", "properties_json": b'{"board":"a"}'}, "bare", False),
        # It may be a counts-only event, misspelt.
        (CHESS, {"name": "chat.snet"}, "bare", False),
    ],
)
async def test_a_letter_says_how_much_it_holds(
    catalog: str, fields: dict[str, Any], content: str, replayable: bool
) -> None:
    ingest = Ingest(STATES, catalog=chess(catalog))
    await ingest.take(event_of(**{"subject_id": "ann", **fields}))
    [letter] = ingest.letters()
    assert letter.content == content
    assert can_be_replayed(letter.content, letter.event) is replayable


@pytest.mark.parametrize(
    ("event", "replayable"),
    [
        (Event(properties_json=b'{"moves":"many"}'), True),
        (Event(properties_json=b"{}"), False),
        (Event(), False),
    ],
)
def test_without_a_word_only_a_letter_with_properties_can_be_replayed(
    event: Event, replayable: bool
) -> None:
    assert can_be_replayed("", event) is replayable
