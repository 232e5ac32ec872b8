"""Dead letters of a running suite that the catalog of now would take, and their replay."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import psycopg
from weir.ingest.v1 import dead_letter_service_pb2 as pb
from weir.ingest.v1 import dead_letter_service_pb2_grpc

from suite.supervisor import Suite
from tests.support.stream_events import APP, mission
from tests.support.suite_calls import SuiteCalls, suite_calls

# As if the catalog had been wrong about these events, and were right now.
_LETTER = """
INSERT INTO ingest.dead_letters (dead_letter_id, received_at, app_id, stage, reason, field, message, event_id,
    name, subject_id, event, content)
VALUES (%s, %s, %s, 'ingest', 'PROPERTIES_INVALID', 'properties.xp_awarded', '', %s, %s, %s, %s, 'whole')
"""


def store_letters(calls: SuiteCalls, person: str, own: list[str]) -> None:
    """A letter for each id, in this order, received some milliseconds after each other."""
    first = datetime.now(UTC) - timedelta(minutes=1)
    with psycopg.connect(calls.suite.addresses.database_url) as connection:
        for place, event_id in enumerate(own):
            event = mission(event_id, subject_id=person)
            event.occurred_at.FromDatetime(first)
            received_at = first + timedelta(milliseconds=place)
            content = event.SerializeToString()
            values = [uuid4(), received_at, APP, event_id, event.name, person, content]
            connection.execute(_LETTER, values)


def replay(suite: Suite, request: pb.ReplayDeadLettersRequest) -> pb.DeadLetterReplay:
    """The replay, asked for now or before; over a connection of its own, because ingest may have a new
    port."""
    with suite_calls(suite) as fresh:
        stub = dead_letter_service_pb2_grpc.DeadLetterServiceStub(fresh.channel("ingest"))
        answer = stub.ReplayDeadLetters(request, metadata=fresh.metadata, timeout=60)
        found: pb.DeadLetterReplay = answer.replay
        return found
