"""Values that the catalog lists as `hashed`: only their keyed hashes are stored, wherever they stand."""

from typing import Any

import orjson
import pytest
from google.protobuf.json_format import MessageToDict
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.intake.model import Verdict
from tests.support.chess_catalog import CHESS, chess
from tests.support.events import event_of, properties_of
from tests.support.ingest_pipeline import NO_TELEMETRY, PSEUDONYMS, Ingest, serialized

CATALOG = chess(CHESS + "collection: {hashed: [device_id, device]}\n")
WHOLE = {"a": [{"device_id": "canary"}], "device": {"model": "canary", "n": [1]}}


def _hash(text: str) -> str:
    return PSEUDONYMS.pseudonym("chess", f"named\x00{text}")


CANARY = _hash("canary")
PLACES: dict[str, dict[str, Any]] = {
    "property": {"properties_json": b'{"moves":3,"device_id":"canary"}'},
    "nested": {"properties_json": orjson.dumps({"moves": 3, **WHOLE})},
    "escaped name": {"properties_json": b'{"moves":3,"device\\u005fid":"canary"}'},
    "list": {"properties_json": b'{"moves":3,"device_id":["canary"]}'},
    "context": {"extra": {"device_id": "canary"}},
    "nested context": {"extra": {"a": [{"b": {"device_id": ["canary"]}}]}},
    "entity": {"entity": {"type": "device", "id": "canary"}},
}


def _event(**fields: Any) -> Any:
    extra = fields.pop("extra", None)
    event = event_of(**fields)
    if extra is not None:
        event.context.extra.update(extra)
    return event


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("subject_id", ["", "ann", "bob"])
@pytest.mark.parametrize("producer", [0, 1])
async def test_a_device_is_known_by_a_keyed_hash_only(
    place: str, subject_id: str, producer: int
) -> None:
    ingest = Ingest({"bob": NO_TELEMETRY}, catalog=CATALOG)
    event = _event(subject_id=subject_id, producer=producer, **PLACES[place])
    assert (await ingest.take(event)).verdicts == [
        Verdict.REJECTED
        if producer
        else Verdict.ANONYMIZED
        if subject_id == "bob"
        else Verdict.ACCEPTED
    ]
    [(_, append)] = ingest.stream.appends
    assert b"canary" not in serialized(append)
    # Equal devices stay equal, also when their person did not agree.
    assert all(CANARY.encode() in stored.SerializeToString() for stored in ingest.stored())


async def test_what_is_replaced_keeps_its_shape() -> None:
    ingest = Ingest(catalog=CATALOG)
    event = _event(
        properties_json=orjson.dumps({"moves": 3, **WHOLE, "device_id": None}),
        extra={"device": 7, "other": 7},
    )
    await ingest.take(event)
    [stored] = ingest.stored()
    assert properties_of(stored) == {
        "moves": 3,
        "a": [{"device_id": CANARY}],
        "device": {"model": CANARY, "n": [_hash("1")]},
        "device_id": None,
    }
    assert MessageToDict(stored.context.extra) == {"device": _hash("7"), "other": 7.0}


async def test_properties_that_cannot_be_read_are_not_in_the_dead_letter() -> None:
    ingest = Ingest(catalog=CATALOG)
    await ingest.take(event_of(subject_id="ann", properties_json=b'{"device_id":"canary"'))
    [letter] = ingest.letters()
    assert letter.event.properties_json == b"{}"


@given(st.dictionaries(st.sampled_from(["moves", "mode", "device_ids", "a"]), st.integers(0, 9)))
async def test_other_events_stay_as_they_are(properties: dict[str, int]) -> None:
    ingest = Ingest(catalog=CATALOG)
    raw = orjson.dumps({**properties, "moves": 3})
    await ingest.take(event_of(properties_json=raw))
    assert [stored.properties_json for stored in ingest.stored()] == [raw]
