"""The hand-written service does what Weir is compared with; needs the packages of the extra `bench`."""

from collections.abc import Iterator

import orjson
import psycopg
import pytest

from suite.embedded import PostgresServer
from tests.bench.by_hand.client import post_all, request_of
from tests.bench.by_hand.server import ByHandServer, make_database, missing_packages
from tests.bench.by_hand.table import STORED
from tests.bench.load import WrongCountsError
from tests.bench.one_kind import OneKind
from tests.bench.traffic import PRODUCTS, AppTraffic

pytestmark = pytest.mark.skipif(
    bool(missing_packages()), reason="the extra `bench` is not installed"
)
EVENTS = OneKind(AppTraffic(PRODUCTS[1], seed=7).people, seed=1)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, psycopg.Connection]]:
    folder = tmp_path_factory.mktemp("by-hand")
    postgres = PostgresServer(folder / "postgres", 25532)
    postgres.start()
    url = make_database(postgres)
    server = ByHandServer(folder, url)
    try:
        server.start()
        with psycopg.connect(url, autocommit=True) as connection:
            yield server.port, connection
    finally:
        server.stop()
        postgres.stop()


def _stored(connection: psycopg.Connection) -> int:
    [count] = connection.execute(STORED).fetchone() or (0,)
    return int(count)


@pytest.mark.parametrize("path", ["/events", "/events/copy"])
def test_what_is_answered_is_stored(running: tuple[int, psycopg.Connection], path: str) -> None:
    port, connection = running
    before = _stored(connection)
    bodies = [*EVENTS.bodies(20, 1), *EVENTS.bodies(7, 10)]
    post_all(port, [request_of(path, body) for body in bodies], 4)
    assert _stored(connection) - before == 90
    [posted] = orjson.loads(bodies[0])
    row = connection.execute(
        "SELECT name, subject_id, entity_id, context, properties, occurred_at = %s FROM events"
        " WHERE event_id = %s",
        [posted["occurredAt"], posted["eventId"]],
    ).fetchone()
    same = (posted[key] for key in ("name", "subjectId", "entityId", "context", "properties"))
    assert row == (*same, True)


@pytest.mark.parametrize("events", [1, 10])
def test_an_id_is_stored_once(running: tuple[int, psycopg.Connection], events: int) -> None:
    port, connection = running
    before = _stored(connection)
    [body] = EVENTS.bodies(1, events)
    post_all(port, [request_of("/events", body)] * 5, 2)
    assert _stored(connection) - before == events


def test_a_call_is_stored_as_a_whole_or_not_at_all(
    running: tuple[int, psycopg.Connection],
) -> None:
    port, connection = running
    before = _stored(connection)
    events = orjson.loads(EVENTS.bodies(1, 10)[0])
    events[9]["eventId"] = "not a uuid"
    with pytest.raises(WrongCountsError, match="answered"):
        post_all(port, [request_of("/events", orjson.dumps(events))], 1)
    assert _stored(connection) == before
