"""The shipped catalogs behind the real decisions of ingest, on stand-ins for the stores."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import orjson
from weir.common.v1 import event_pb2

from libs.catalog import Catalog, load_catalogs
from tests.support.events import event_of
from tests.support.ingest_pipeline import Ingest
from tests.support.repository import REPOSITORY

PRODUCERS = {
    name.removeprefix("PRODUCER_").lower(): number
    for name, number in event_pb2.Producer.items()
    if number
}


@cache
def catalogs() -> Mapping[str, Catalog]:
    """The catalogs that ship, by app id."""
    return load_catalogs(REPOSITORY / "catalogs")


def ingest_of(app_id: str, states: dict[str, bytes] | None = None, **settings: Any) -> Ingest:
    """Ingest with the catalog of one app; `states` are the recorded consents by person."""
    return Ingest(states, catalog=catalogs()[app_id], **settings)


def shipped_event(
    name: str, properties: Mapping[str, object], producer: str = "", **fields: Any
) -> event_pb2.Event:
    """An event with the id `e1`, unless `fields` say otherwise, at the stand-ins' time."""
    return event_of(
        fields.pop("event_id", "e1"),
        name=name,
        producer=PRODUCERS.get(producer, 0),
        properties_json=orjson.dumps(properties),
        **fields,
    )
