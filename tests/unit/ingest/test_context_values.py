"""Fields of the context that an event has among its properties, as the catalog's `fields` say."""

from typing import Any

import pytest
from weir.common.v1.event_pb2 import Event

from libs.catalog import CatalogError
from tests.support.chess_catalog import CHESS, chess
from tests.support.clocks import NOW_US
from tests.support.events import event_at
from tests.support.ingest_pipeline import NO_TELEMETRY, Ingest
from tests.support.screening import screened_frame

FIELDS = """\
fields:
  context.class_id: [context.class_id, properties.class, properties.place.class]
  context.ip: properties.address
limits: {text_characters: 200}
"""
CATALOG = chess(CHESS + FIELDS)


def _screened(properties: bytes, **fields: Any) -> Event:
    event = event_at(NOW_US, name="game.shared", properties_json=properties, **fields)
    [candidate] = screened_frame(CATALOG, NOW_US, event).screening.passed
    return candidate.event


@pytest.mark.parametrize(
    ("properties", "class_id"),
    [
        (b'{"class":"c1"}', "c1"),
        (b'{"class":7}', "7"),
        (b'{"place":{"class":"c2"}}', "c2"),
        (b'{"class":"c1","place":{"class":"c2"}}', "c1"),
        (b'{"class":"","place":{"class":"c2"}}', "c2"),
        (b'{"class":true}', ""),
        (b'{"class":1.5}', ""),
        (b'{"class":["c1"]}', ""),
        (b'{"class":null}', ""),
        (b'{"place":"c2"}', ""),
        (b'{"class":"%s"}' % (b"x" * 200), "x" * 200),
        # No text of a context is longer; the property keeps it.
        (b'{"class":"%s"}' % (b"x" * 201), ""),
        (b"{}", ""),
    ],
)
def test_a_property_fills_the_field(properties: bytes, class_id: str) -> None:
    event = _screened(properties)
    assert event.context.class_id == class_id
    assert event.properties_json == properties
    assert event.HasField("context") is bool(class_id)


def test_the_context_of_the_event_goes_first() -> None:
    assert _screened(b'{"class":"c1"}', context={"class_id": "c9"}).context.class_id == "c9"


def test_an_address_is_truncated_as_one_of_the_context() -> None:
    assert _screened(b'{"address":"203.0.113.9"}').context.ip == "203.0.113.0"


async def test_anonymization_reaches_it() -> None:
    ingest = Ingest({"ann": NO_TELEMETRY}, catalog=CATALOG)
    await ingest.take(
        event_at(NOW_US, name="game.shared", subject_id="ann", properties_json=b'{"class":"ann"}')
    )
    [stored] = ingest.stored()
    assert b"ann" not in stored.SerializeToString().replace(stored.anonymous_id.encode(), b"")


@pytest.mark.parametrize("name", ["email", "with"])
def test_a_personal_property_is_not_copied(name: str) -> None:
    with pytest.raises(CatalogError) as caught:
        chess(CHESS + f"fields:\n  context.class_id: properties.{name}\n")
    [problem] = caught.value.problems
    assert str(problem).endswith(
        f"fields.context.class_id: the property `{name}` is marked `x-pii` or `x-subject`,"
        " and is not copied from"
    )
