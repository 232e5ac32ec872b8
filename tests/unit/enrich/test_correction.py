"""What a correction of a stored event may say: the rules of ingest, and what was anonymized stays so."""

import uuid
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from libs.catalog import Catalog, compile_catalog
from libs.common.errors import FailedPrecondition, InvalidArgument
from libs.common.exact_json import exact_dumps
from libs.common.rectification import PropertyChange
from services.enrich.rectification.correction import corrected
from services.enrich.rectification.model import StoredEvent

PERSON = "player-0123456789"
CATALOG = """\
app_id: chess
title: Chess
subject: {name: player}
group: {name: club}
fields: {context.timezone: [properties.zone]}
collection: {personal_data: redact, hashed: [device_id]}
categories:
  play: {producers: [server], retention: {raw: 90d, aggregate: 5y}}
events:
  game.ended:
    category: play
    properties:
      player: {type: string}
      club: {type: string}
      zone: {type: string}
      with: {type: array, x-subject: true}
      email: {type: string, x-pii: true}
      diary: {type: string, maxLength: 20, x-pii: sealed}
      notes: {type: object, x-pii: sealed, properties: {first: {type: string}}}
      opening: {type: string}
      moves: {type: integer, minimum: 0}
      drawn: {type: boolean}
      device_id: {type: string}
      place: {type: object, properties: {city: {type: string}, hall: {type: integer}}, required: [city]}
    required: [moves]
    dependentRequired: {drawn: [opening]}
rollups:
  games: {events: [game.ended], period: day, dimensions: [properties.opening], metrics: {games: count}}
"""


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return compile_catalog(CATALOG, "chess.yaml")


def event(subject_id: str | None = PERSON, /, **properties: Any) -> StoredEvent:
    moment = datetime(2026, 11, 22, tzinfo=UTC)
    return StoredEvent(
        *("7", uuid.uuid4(), moment, moment, "90d", "game.ended", "1.0.0"),
        *(subject_id, None, uuid.uuid4()),
        properties={"moves": 30, **properties},
    )


def change(path: str, value: Any) -> PropertyChange:
    return PropertyChange(path, exact_dumps(value))


def refused(catalog: Catalog, stored: StoredEvent, *changes: PropertyChange) -> tuple[str, str]:
    with pytest.raises(InvalidArgument) as error:
        corrected(catalog, stored, PERSON, changes)
    assert error.value.reason == "PROPERTIES_INVALID"
    return error.value.field, error.value.message


def test_parts_are_set_and_removed_and_the_rest_stays(catalog: Catalog) -> None:
    stored = event(opening="Ruy Lopez", place={"city": "Linares", "hall": 2})
    wanted = [
        change("moves", 2**70),
        change("place.city", "León"),
        PropertyChange("place.hall", None),
    ]
    found = corrected(catalog, stored, PERSON, wanted)
    assert found.properties == {"moves": 2**70, "opening": "Ruy Lopez", "place": {"city": "León"}}
    assert found.values == {
        "moves": ((30,), (2**70,)),
        "place.city": (("Linares",), ("León",)),
        "place.hall": ((2,), ()),
    }
    assert found.to_seal == frozenset()
    # Places whose neighbours are left as they are stored.
    assert found.written == (("moves",), ("place", "city"), ("place", "hall"))
    assert stored.properties["place"] == {"city": "Linares", "hall": 2}
    made = corrected(catalog, event(), PERSON, [change("place.city", "León")])
    assert made.properties == {"moves": 30, "place": {"city": "León"}}
    assert made.written == (("place",),)


def test_a_changed_property_keeps_the_schema(catalog: Catalog) -> None:
    assert refused(catalog, event(), change("moves", -1)) == (
        *("properties.moves", "must be at least 0"),
    )
    assert refused(catalog, event(), PropertyChange("moves", None)) == (
        *("properties.moves", "is required"),
    )
    assert refused(catalog, event(), PropertyChange("opening", None)) == (
        *("properties.opening", "is not there"),
    )
    place = event(place={"city": "Linares"})
    assert refused(catalog, place, PropertyChange("place.city", None))[0] == "properties.place.city"
    assert refused(catalog, event(place="Linares"), change("place.city", "León"))[1].startswith(
        "is part of something that is no object"
    )
    # Of another property as well, if the rule was kept before.
    drawn = event(drawn=True, opening="Ruy Lopez")
    assert refused(catalog, drawn, PropertyChange("opening", None)) == (
        *("properties.opening", "is required"),
    )
    assert refused(catalog, event(), change("drawn", True)) == ("properties.opening", "is required")


def test_what_was_stored_by_another_catalog_does_not_stop_a_correction(catalog: Catalog) -> None:
    """As a value that stays sealed, which the schema calls a text."""
    stored = event(diary={"$sealed": "v1.x.y"}, opening=7)
    found = corrected(catalog, stored, PERSON, [change("moves", 31)])
    assert found.properties == {**stored.properties, "moves": 31}
    assert refused(catalog, stored, change("opening", 8)) == (
        *("properties.opening", "must be of type string"),
    )


def test_sealed_properties_are_checked_in_plain_and_changed_as_a_whole(catalog: Catalog) -> None:
    stored = event(diary={"$sealed": "v1.x.y"}, notes={"$sealed": "v1.x.y"})
    found = corrected(catalog, stored, PERSON, [change("diary", "lost"), change("moves", 31)])
    assert (found.properties["diary"], found.to_seal) == ("lost", {"diary"})
    assert refused(catalog, stored, change("diary", "x" * 21)) == (
        *("properties.diary", "must have at most 20 characters"),
    )
    assert refused(catalog, stored, change("notes.first", "x"))[1].startswith("is part of a sealed")
    removed = corrected(catalog, stored, PERSON, [PropertyChange("diary", None)])
    assert (removed.to_seal, "diary" in removed.properties) == (frozenset(), False)


def test_whom_and_where_stays(catalog: Catalog) -> None:
    for name, value in (
        ("player", "other"),
        ("club", "other"),
        ("with", ["other"]),
        ("zone", "UTC"),
    ):
        field, why = refused(catalog, event(), change(name, value))
        assert field == f"properties.{name}"
        assert "stays" in why
    # The name of what no schema declares may be personal data.
    for path in ("ann@example.com", "place.street", "moves.first"):
        assert refused(catalog, event(), change(path, 1)) == (
            *("properties.*", "is not declared by the event's schema"),
        )


def test_personal_data_stay_where_they_are_marked(catalog: Catalog) -> None:
    mail = "ann@example.com"
    assert corrected(catalog, event(), PERSON, [change("email", mail)]).properties["email"] == mail
    # Not stored as something else, as an event's would be.
    assert refused(catalog, event(), change("place", {"city": f"ask {mail}"})) == (
        *("properties.place", "contains an e-mail address"),
    )
    anonymized = event(None)
    assert refused(catalog, anonymized, change("email", mail))[0] == "properties.email"
    assert refused(catalog, anonymized, change("diary", "x"))[0] == "properties.diary"
    assert refused(catalog, anonymized, change("opening", f"of {PERSON}")) == (
        *("properties.opening", "names the person, and the event was anonymized"),
    )
    assert corrected(catalog, anonymized, PERSON, [change("opening", "x")]).to_seal == frozenset()


def test_what_is_stored_as_a_keyed_hash_gets_no_plain_value(catalog: Catalog) -> None:
    hashed = event(device_id="4f" * 16)
    for path, value in (
        ("device_id", "phone-7"),
        ("place", {"city": "Linares", "device_id": "phone-7"}),
        ("place", {"city": "Linares", "seen": [{"device_id": "phone-7"}]}),
    ):
        assert refused(catalog, hashed, change(path, value)) == (
            *(f"properties.{path}", "has what is stored as a keyed hash only"),
        )
    removed = corrected(catalog, hashed, PERSON, [PropertyChange("device_id", None)])
    assert removed.properties == {"moves": 30}


def test_limits_and_forms_are_those_of_ingest(catalog: Catalog) -> None:
    assert refused(catalog, event(), change("opening", "x" * 257))[1].startswith(
        "must be at most 256 characters"
    )
    assert refused(catalog, event(), change("place", {"city": "x" * 65_536})) == (
        *("properties.place", "must be at most 65536 bytes"),
    )
    for raw in (b"", b"{", b'1, "other": 2', b'"\\u0000"', b'{"city": "x", "city": "y"}'):
        assert refused(catalog, event(), PropertyChange("place", raw))[0] == "properties.place"


def test_an_event_that_the_catalog_has_no_more_is_left_alone(catalog: Catalog) -> None:
    gone = replace(event(), name="game.renamed")
    with pytest.raises(FailedPrecondition) as error:
        corrected(catalog, gone, PERSON, [change("moves", 1)])
    assert error.value.reason == "NOT_RECTIFIABLE"
