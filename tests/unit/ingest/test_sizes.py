"""An event that is too long somewhere is rejected with the field and the limit; the limits are inside."""

from typing import Any

import orjson
import pytest
from weir.common.v1 import event_pb2

from services.ingest.intake.model import Rejection
from tests.support.chess_catalog import CHESS, chess
from tests.support.clocks import NOW_US
from tests.support.events import event_of
from tests.support.screening import screened_frame

EMAIL = "email: {type: string, x-pii: true}"
OPENINGS = CHESS.replace(EMAIL, f"{EMAIL}, opening: {{}}, board: {{}}")
ROLLUPS = """\
rollups:
  openings:
    events: [game.ended]
    period: day
    dimensions: [properties.opening, properties.board.theme, context.referrer, attribution.term]
    metrics: {games: count}
"""
CUT = "limits: {longer_dimension: cut}\n"


def _event(properties: dict[str, Any] | None = None, **fields: Any) -> event_pb2.Event:
    return event_of(properties_json=orjson.dumps({"moves": 3, **(properties or {})}), **fields)


def _refusal(event: event_pb2.Event, catalog: str = OPENINGS + ROLLUPS) -> Rejection | None:
    screening = screened_frame(chess(catalog), NOW_US, event).screening
    assert len(screening.passed) + len(screening.rejected) == 1
    return screening.rejected[0].rejection if screening.rejected else None


@pytest.mark.parametrize(
    ("properties", "fields", "field"),
    [
        ({"opening": "x" * 257}, {}, "properties.opening"),
        ({"opening": "é" * 257}, {}, "properties.opening"),
        ({"opening": ["x" * 253]}, {}, "properties.opening"),  # ["..."]: 257 characters of JSON
        ({"opening": {"a": "x" * 249}}, {}, "properties.opening"),  # {"a":"..."}
        ({"opening": "x" * 2_500_000}, {}, "properties.opening"),
        ({"board": {"theme": "x" * 257}}, {}, "properties.board.theme"),
        ({}, {"context": {"referrer": "x" * 257}}, "context.referrer"),
        ({}, {"attribution": {"term": "x" * 257}}, "attribution.term"),
    ],
)
def test_a_dimension_is_at_most_256_characters(
    properties: dict[str, Any], fields: dict[str, Any], field: str
) -> None:
    rejection = _refusal(_event(properties, **fields))
    assert rejection is not None
    assert rejection == Rejection(
        "FIELD_INVALID", field, "must be at most 256 characters: numbers are split by it"
    )


@pytest.mark.parametrize(
    ("properties", "fields"),
    [
        ({"opening": "x" * 256}, {}),
        ({"opening": "é" * 256}, {}),  # 512 bytes
        ({"opening": "\x01" * 256}, {}),  # 1,536 bytes as JSON
        ({"opening": ["x" * 252]}, {}),
        ({"opening": None, "board": "x" * 300}, {}),  # the theme is below the board
        ({"notes": "x" * 60_000}, {}),  # no rollup is split by it
        ({}, {"context": {"referrer": "x" * 256, "page_url": "x" * 2_048}}),
    ],
)
def test_the_limit_itself_passes(properties: dict[str, Any], fields: dict[str, Any]) -> None:
    assert _refusal(_event(properties, **fields)) is None


def test_an_app_may_want_long_dimensions_cut_and_its_events_as_they_are() -> None:
    event = _event({"opening": "x" * 300}, context={"referrer": "x" * 300})
    assert _refusal(event, OPENINGS + ROLLUPS + CUT) is None
    assert len(orjson.loads(event.properties_json)["opening"]) == 300


def test_an_event_that_no_rollup_splits_has_no_dimensions() -> None:
    event = _event()
    event.name, event.properties_json = "lesson.given", b'{"opening":"%s"}' % (b"x" * 300)
    event.producer = event_pb2.PRODUCER_WEBHOOKS
    assert _refusal(event) is None


@pytest.mark.parametrize("part", ["context", "attribution"])
def test_every_text_of_context_and_attribution_has_a_limit(part: str) -> None:
    fields = event_pb2.DESCRIPTOR.message_types_by_name[part.capitalize()].fields
    names = [field.name for field in fields if field.name != "extra"]
    assert len(names) == {"context": 13, "attribution": 5}[part]
    for name in names:
        assert _refusal(_event(**{part: {name: "é" * 2_048}}), CHESS) is None
        assert _refusal(_event(**{part: {name: "é" * 2_049}}), CHESS) == Rejection(
            "FIELD_INVALID", f"{part}.{name}", "must be at most 2048 characters"
        )


def test_a_property_has_a_limit_and_the_name_of_an_undeclared_one_is_not_repeated() -> None:
    # {"email":"..."} are 12 bytes more than the text.
    assert _refusal(_event({"email": "x" * 65_524}), CHESS) is None
    assert _refusal(_event({"email": "x" * 65_525}), CHESS) == Rejection(
        "FIELD_INVALID", "properties.email", "must be at most 65536 bytes"
    )
    for undeclared in ({"ann@example.org": "x" * 70_000}, {"ann" * 25_000: 1}):
        rejection = _refusal(_event(undeclared), CHESS)
        assert rejection is not None
        assert rejection.field == "properties.*"


def test_extra_has_the_limit_of_a_property() -> None:
    event = _event()
    event.context.extra.update({"a": "x" * 60_000})
    assert _refusal(event, CHESS) is None
    event.context.extra.update({"b": "x" * 6_000})
    assert _refusal(event, CHESS) == Rejection(
        "FIELD_INVALID", "context.extra", "must be at most 65536 bytes"
    )


def test_a_whole_event_has_a_limit() -> None:
    many = {f"p{number}": "x" * 60_000 for number in range(9)}
    assert _refusal(_event(many), CHESS) == Rejection(
        "FIELD_INVALID", "", "must be at most 524288 bytes in all"
    )
    del many["p8"]
    assert _refusal(_event(many), CHESS) is None


def test_properties_as_a_struct_have_the_same_limits() -> None:
    event = _event()
    event.properties.update({"moves": 3, "opening": "x" * 257})
    rejection = _refusal(event)
    assert rejection is not None
    assert rejection.field == "properties.opening"


def test_the_catalog_sets_the_limits() -> None:
    own = "limits: {dimension_characters: 130, text_characters: 140, property_bytes: 1024}\n"
    for event, field in (
        (_event({"opening": "x" * 131}), "properties.opening"),
        (_event(context={"locale": "x" * 141}), "context.locale"),
        (_event({"email": "x" * 1_013}), "properties.email"),
    ):
        rejection = _refusal(event, OPENINGS + ROLLUPS + own)
        assert rejection is not None
        assert rejection.field == field
