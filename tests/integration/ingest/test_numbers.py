"""Numbers on a real Postgres: what ingest takes can be stored as jsonb, up to the last digit."""

import psycopg
import pytest
from weir.common.v1 import event_pb2

from libs.common.event_properties import PropertiesError
from services.ingest.intake.properties import parse_properties

FINEST = [
    "1e-16383",
    "0." + "0" * 16_383 + "1e16384",
    "0." + "0" * 16_382 + "1",
    "25e-16383",
    "0e-16383",
    "5e-324",
    "1e308",
]
TOO_FINE = ["1e-16384", "0." + "0" * 16_383 + "1", "2.5e-16383", "0e-16384", "0e1073741824"]


def _event(literal: str) -> event_pb2.Event:
    return event_pb2.Event(properties_json=b'{"a": %s}' % literal.encode())


@pytest.mark.parametrize("literal", FINEST)
def test_the_finest_number_that_is_taken_can_be_stored(database_url: str, literal: str) -> None:
    event = _event(literal)
    parse_properties(event)
    with psycopg.connect(database_url) as connection:
        [stored] = connection.execute(
            "SELECT (%s::jsonb ->> 'a')::numeric = %s::numeric",
            (event.properties_json.decode(), literal),
        ).fetchall()
    assert stored == (True,)


@pytest.mark.parametrize("literal", TOO_FINE)
def test_what_is_refused_cannot_be_stored(database_url: str, literal: str) -> None:
    event = _event(literal)
    with pytest.raises(PropertiesError):
        parse_properties(event)
    with psycopg.connect(database_url) as connection, pytest.raises(psycopg.DataError):
        connection.execute("SELECT %s::jsonb", (event.properties_json.decode(),))
