"""An event that names many people costs one look through it, and one that names too many is refused."""

from typing import Any, cast

import orjson
import pytest
from google.protobuf.struct_pb2 import ListValue

from services.ingest.intake.model import Verdict
from tests.support.chess_catalog import CHESS, chess
from tests.support.consents import consent_text
from tests.support.events import event_of, properties_of
from tests.support.ingest_pipeline import NO_TELEMETRY, Ingest

YES = consent_text(1, telemetry=True, coaching=True)


def _names(count: int) -> list[str]:
    return [f"u{number:07d}" for number in range(count)]


async def test_of_many_people_those_who_refused_are_removed() -> None:
    names = _names(100)
    refused = names[1::2]
    ingest = Ingest(dict.fromkeys(refused, NO_TELEMETRY))
    properties = {"with": names, "again": {name: name for name in names}, "list": [names]}
    event = event_of(
        name="game.shared",
        subject_id="ann",
        group_id=refused[7],
        properties_json=orjson.dumps(properties),
    )
    event.context.teacher_id = refused[3]
    event.context.locale = names[0]
    event.context.extra.update({"who": [*names]})
    assert (await ingest.take(event)).verdicts == [Verdict.ACCEPTED]
    [stored] = ingest.stored()
    kept = names[::2]
    assert properties_of(stored) == {
        "with": kept,
        "again": {name: name for name in kept},
        "list": [kept],
    }
    assert list(cast(ListValue, stored.context.extra["who"])) == kept
    assert (stored.context.teacher_id, stored.context.locale) == ("", names[0])
    assert not any(name in str(stored) for name in refused)


@pytest.mark.parametrize("count", [101, 20_000])
@pytest.mark.parametrize("word", ["with", "player"])
async def test_more_than_100_people_are_refused_without_asking_about_them(
    count: int, word: str
) -> None:
    ingest = Ingest(catalog=chess(CHESS + "limits: {property_bytes: 1048576}\n"))
    event = event_of(
        name="game.shared",
        subject_id="ann",
        properties_json=orjson.dumps({word: _names(count), "note": "canary"}),
    )
    event.context.extra.update({"note": "canary"})
    assert (await ingest.take(event)).verdicts == [Verdict.REJECTED]
    [letter] = ingest.letters()
    assert (letter.reason, letter.field) == ("FIELD_INVALID", f"properties.{word}")
    assert letter.message == "an event names at most 100 people"
    assert ingest.answers.asked == [["ann"]]
    # Of people who were not asked about nothing is kept.
    assert (letter.event.subject_id, properties_of(letter.event)) == ("ann", {})
    assert b"canary" not in letter.event.SerializeToString()


async def test_the_same_person_a_hundred_times_is_asked_about_once() -> None:
    ingest = Ingest({"bob": NO_TELEMETRY})
    events = [
        event_of(
            f"e{number}",
            name="game.shared",
            subject_id="ann",
            properties_json=orjson.dumps({"with": ["bob"] * 99 + ["cid"]}),
        )
        for number in range(3)
    ]
    assert (await ingest.take(*events)).verdicts == [Verdict.ACCEPTED] * 3
    [asked] = ingest.answers.asked
    assert sorted(asked) == ["ann", "bob", "cid"]
    assert [properties_of(stored) for stored in ingest.stored()] == [{"with": ["cid"]}] * 3


@pytest.mark.parametrize(
    "properties",
    [
        pytest.param({"with": _names(20_000)}, id="too many people"),
        pytest.param({"with": "bob", "notes": [["x" * 60_000]] * 9}, id="larger than one property"),
    ],
)
async def test_an_event_that_is_too_large_and_wrong_otherwise_costs_no_more(
    properties: dict[str, Any],
) -> None:
    """Refused for its producer, before its size is looked at."""
    ingest = Ingest({"ann": YES, "bob": NO_TELEMETRY})
    event = event_of(
        name="game.shared",
        subject_id="ann",
        producer=5,
        properties_json=orjson.dumps(properties),
    )
    assert (await ingest.take(event)).verdicts == [Verdict.REJECTED]
    [letter] = ingest.letters()
    assert letter.field == "producer"
    [asked] = ingest.answers.asked
    assert len(asked) <= 2
    assert b"bob" not in letter.event.SerializeToString()
    assert b"u0000000" not in letter.event.SerializeToString()


async def test_an_event_that_is_too_large_leaves_no_properties() -> None:
    ingest = Ingest({"ann": YES, "bob": NO_TELEMETRY})
    event = event_of(
        name="game.shared",
        subject_id="ann",
        properties_json=orjson.dumps({"with": "bob", "note": "x" * 70_000}),
    )
    assert (await ingest.take(event)).verdicts == [Verdict.REJECTED]
    [letter] = ingest.letters()
    assert (letter.field, properties_of(letter.event)) == ("properties.*", {})
    assert ingest.answers.asked == [["ann"]]
