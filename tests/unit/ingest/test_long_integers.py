"""Integers of more than 64 bits stay as they are, also in events of which something else is replaced."""

import json

import pytest

from libs.catalog import Catalog
from services.ingest.intake.model import Verdict
from tests.support.chess_catalog import CHESS, chess
from tests.support.events import event_of
from tests.support.ingest_pipeline import COACHING, NO_TELEMETRY, Ingest

# One more than a multiple of 10: as a double it would end in zeros.
BIG = 12_345_678_901_234_567_890_123_451
MAIL = "canary@mail.example"


def _raw(**more: object) -> bytes:
    return json.dumps({"moves": 3, "scores": [BIG], **more}).encode()


def _catalog(collection: str) -> Catalog:
    return chess(CHESS + f"collection: {{{collection}}}\n")


@pytest.mark.parametrize(
    ("catalog", "subject_id", "more"),
    [
        (chess(), "bob", {"rated_by": "bob"}),
        (_catalog("hashed: [device_id]"), "ann", {"device_id": "d"}),
        (_catalog("personal_data: redact"), "ann", {"note": f"ask {MAIL}"}),
    ],
    ids=["anonymized", "hashed", "redacted"],
)
async def test_what_is_not_replaced_is_stored_as_it_came(
    catalog: Catalog, subject_id: str, more: dict[str, str]
) -> None:
    ingest = Ingest({"ann": COACHING, "bob": NO_TELEMETRY}, catalog=catalog)
    raw = _raw(**more)
    await ingest.take(event_of(subject_id=subject_id, properties_json=raw))
    [stored] = ingest.stored()
    properties = json.loads(stored.properties_json)
    assert properties != json.loads(raw)
    assert properties["scores"] == [BIG]


@pytest.mark.parametrize("collection", ["hashed: [device_id]", "personal_data: redact"])
async def test_so_is_a_dead_letter_of_which_something_is_replaced(collection: str) -> None:
    ingest = Ingest({"ann": COACHING}, catalog=_catalog(collection))
    raw = _raw(device_id="d", note=f"ask {MAIL}")
    # The catalog does not let this producer send it.
    event = event_of(subject_id="ann", producer=1, properties_json=raw)
    assert (await ingest.take(event)).verdicts == [Verdict.REJECTED]
    [letter] = ingest.letters()
    properties = json.loads(letter.event.properties_json)
    assert properties != json.loads(raw)
    assert properties["scores"] == [BIG]


async def test_long_ids_that_differ_have_hashes_that_differ() -> None:
    ingest = Ingest({"ann": COACHING}, catalog=_catalog("hashed: [device_id]"))
    for number in (BIG, BIG + 1):
        event = event_of(str(number), subject_id="ann", properties_json=_raw(device_id=number))
        await ingest.take(event)
    hashes = {json.loads(event.properties_json)["device_id"] for event in ingest.stored()}
    assert len(hashes) == 2
