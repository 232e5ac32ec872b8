"""A sender's own words become the envelope, and nothing is lost on the way."""

import pytest

from libs.catalog import Catalog, EnvelopeError, to_envelope
from tests.support.small_catalog import small

FIELDS = """\
fields:
  event_id: id
  name: what
  occurred_at: when
  producer: from
  producers: {web: frontend}
  subject_id: [player, data.player]
  group_id: [club_id, data.club_id]
  entity.id: boardId
  context.user_agent: device.ua
  attribution.source: attribution.utmSource
  properties: data
"""


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return small(FIELDS)


def test_own_words(catalog: Catalog) -> None:
    assert to_envelope(
        catalog,
        {
            "id": "e1",
            "what": "game.ended",
            "when": "2026-01-01T00:00:00Z",
            "from": "web",
            "player": 7,
            "club_id": 12,
            "boardId": "b1",
            "device": {"ua": "Mozilla/5.0", "ram": 8},
            "attribution": {"utmSource": "google", "gclid": "x"},
            "data": {"moves": 40},
            "retention_days": 30,
            "privacy_level": "sensitive",
        },
    ) == {
        "event_id": "e1",
        "name": "game.ended",
        "occurred_at": "2026-01-01T00:00:00Z",
        "producer": "frontend",
        "subject_id": "7",
        "group_id": "12",
        "entity": {"id": "b1"},
        "context": {
            "user_agent": "Mozilla/5.0",
            "extra": {"device": {"ram": 8}, "attribution": {"gclid": "x"}},
        },
        "attribution": {"source": "google"},
        "properties": {"moves": 40},
        "retention_days": 30,
        "privacy_level": "sensitive",
    }


def test_the_envelope_s_own_names_are_understood_too(catalog: Catalog) -> None:
    assert to_envelope(
        catalog, {"event_id": "e1", "name": "game.ended", "subject_id": "7", "properties": {"a": 1}}
    ) == {"event_id": "e1", "name": "game.ended", "subject_id": "7", "properties": {"a": 1}}


def test_absent_and_null_are_the_same(catalog: Catalog) -> None:
    document = {"what": "game.ended", "id": None, "player": None, "data": None, "odd": None}
    assert to_envelope(catalog, document) == {"name": "game.ended", "properties": {}}


def test_unknown_keys_are_kept(catalog: Catalog) -> None:
    envelope = to_envelope(
        catalog,
        {
            "what": "game.ended",
            "season": {"no": 3},
            "context": {"locale": "pt-BR", "season": 4, "extra": {"theme": "dark"}},
        },
    )
    assert envelope["context"] == {
        "locale": "pt-BR",
        "extra": {"season": {"no": 3}, "context.season": 4, "theme": "dark"},
    }


def test_a_person_s_id_is_moved_out_of_the_properties(catalog: Catalog) -> None:
    envelope = to_envelope(catalog, {"what": "game.ended", "data": {"player": 7, "club_id": 12}})
    assert envelope["subject_id"] == "7"
    assert envelope["group_id"] == "12"
    assert envelope["properties"] == {"club_id": 12}


def test_the_document_is_left_alone(catalog: Catalog) -> None:
    document = {"what": "game.ended", "device": {"ua": "x"}, "data": {"player": 7}}
    to_envelope(catalog, document)
    assert document == {"what": "game.ended", "device": {"ua": "x"}, "data": {"player": 7}}


@pytest.mark.parametrize(
    ("document", "field", "reason"),
    [
        ({}, "what", "is missing"),
        ({"what": 5}, "what", "must be a text"),
        ({"what": "e", "when": 1735689600}, "when", "must be a text"),
        ({"what": "e", "player": True}, "player", "must be a text"),
        ({"what": "e", "player": 1.5}, "player", "must be a text"),
        ({"what": "e", "player": {"id": 1}}, "player", "must be a text"),
        ({"what": "e", "player": 1, "data": {"player": 2}}, "data.player", "differs from `player`"),
        ({"what": "e", "from": "pigeon"}, "from", "must be one of api, frontend"),
        ({"what": "e", "environment": "prod"}, "environment", "must be one of development"),
        ({"what": "e", "privacy_level": "top"}, "privacy_level", "must be one of pii"),
        ({"what": "e", "retention_days": -1}, "retention_days", "must be a whole number"),
        ({"what": "e", "retention_days": "90"}, "retention_days", "must be a whole number"),
        ({"what": "e", "data": [1]}, "data", "must be an object"),
        ({"what": "e", "device": "phone"}, "device", "must be an object"),
        ({"what": "e", "context": "x"}, "context", "must be an object"),
        ({"what": "e", "entity": 5}, "entity", "must be an object"),
    ],
)
def test_a_wrong_shape(
    catalog: Catalog, document: dict[str, object], field: str, reason: str
) -> None:
    with pytest.raises(EnvelopeError) as caught:
        to_envelope(catalog, document)
    assert caught.value.field == field
    assert caught.value.reason.startswith(reason)


def test_an_app_without_own_words_uses_the_envelope_s() -> None:
    document: dict[str, object] = {
        "event_id": "e1",
        "name": "game.ended",
        "player": "p",
        "club_id": "c",
        "entity": {"type": "board", "id": 5},
        "context": {"ip": "203.0.113.9"},
        "attribution": {"campaign": "spring"},
        "properties": {"moves": 1},
    }
    envelope = to_envelope(small(), document)
    assert envelope["subject_id"] == "p"
    assert envelope["group_id"] == "c"
    assert envelope["entity"] == {"type": "board", "id": "5"}
    assert envelope["context"] == {"ip": "203.0.113.9"}
    assert envelope["attribution"] == {"campaign": "spring"}
