"""gRPC calls against a running suite, and what its stores hold afterwards."""

import queue
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, Self

import grpc
import psycopg
from weir.common.v1 import event_pb2
from weir.ingest.v1 import ingest_service_pb2 as pb
from weir.ingest.v1 import ingest_service_pb2_grpc
from weir.privacy.v1 import privacy_service_pb2, privacy_service_pb2_grpc

from suite.supervisor import Suite
from tests.support.pseudonyms import keyed_event_id, pseudonymizer_of
from tests.support.waiting import PATIENCE_SECONDS, eventually


class OpenStream:
    """One StreamEvents call, frame by frame."""

    def __init__(self, stub: Any, metadata: Sequence[tuple[str, str]]) -> None:
        self._requests: queue.SimpleQueue[pb.StreamEventsRequest | None] = queue.SimpleQueue()
        self._call = stub.StreamEvents(
            iter(self._requests.get, None), metadata=metadata, timeout=PATIENCE_SECONDS
        )
        self._sequence = 0

    def settle(self, app_id: str, **settings: Any) -> pb.StreamLimits:
        """Sends the settings; returns the server's limits."""
        self.request(settings=pb.StreamSettings(app_id=app_id, **settings))
        return self.response().limits

    def send(self, *events: event_pb2.Event) -> pb.FrameAck:
        """Sends a frame; returns its ack."""
        self._sequence += 1
        self.request(frame=pb.EventFrame(sequence=self._sequence, events=events))
        response = self.response()
        assert response.WhichOneof("message") == "ack", response
        return response.ack

    def request(self, **message: Any) -> None:
        """Sends any message."""
        self._requests.put(pb.StreamEventsRequest(**message))

    def response(self) -> pb.StreamEventsResponse:
        """The next message. Raises grpc.RpcError if the call failed, StopIteration at its end."""
        response: pb.StreamEventsResponse = next(self._call)
        return response

    def finish(self) -> None:
        """Sends no more; returns when the server has ended the call."""
        self._requests.put(None)
        for _ in self._call:
            pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._requests.put(None)
        self._call.cancel()


class SuiteCalls:
    """Stubs with the suite's token, and queries."""

    def __init__(self, suite: Suite, stack: ExitStack) -> None:
        self.suite = suite
        self.metadata = (("authorization", f"Bearer {suite.addresses.token}"),)
        self._stack = stack

    def channel(self, service: str) -> grpc.Channel:
        """A channel to a service; closed with the calls."""
        return self._stack.enter_context(
            grpc.insecure_channel(self.suite.addresses.services[service])
        )

    def ingest(self) -> Any:
        """A stub of ingest."""
        return ingest_service_pb2_grpc.IngestServiceStub(self.channel("ingest"))

    def open_stream(self) -> OpenStream:
        """A StreamEvents call, before its settings."""
        return OpenStream(self.ingest(), self.metadata)

    def track(self, app_id: str, *events: event_pb2.Event) -> pb.TrackBatchResponse:
        """Sends events in one batch; returns their verdicts."""
        request = pb.TrackBatchRequest(app_id=app_id, events=events)
        response: pb.TrackBatchResponse = self.ingest().TrackBatch(
            request, metadata=self.metadata, timeout=PATIENCE_SECONDS
        )
        return response

    def record_consent(self, app_id: str, subject_id: str, *age_band: str, **choices: bool) -> None:
        """Records a person's answers, and their age band if it is given."""
        stub = privacy_service_pb2_grpc.PrivacyServiceStub(self.channel("privacy"))
        stub.RecordConsent(
            privacy_service_pb2.RecordConsentRequest(
                app_id=app_id,
                subject_id=subject_id,
                choices=[
                    privacy_service_pb2.ConsentChoice(purpose=purpose, granted=granted)
                    for purpose, granted in choices.items()
                ],
                age_band="".join(age_band),
                actor="test",
                method="api",
                notice_version="1",
            ),
            metadata=self.metadata,
            timeout=PATIENCE_SECONDS,
        )

    def query(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Rows from the suite's Postgres."""
        with psycopg.connect(self.suite.addresses.database_url) as connection:
            return connection.execute(statement.encode(), parameters).fetchall()

    def stored(self, columns: str, ids: Sequence[str]) -> list[tuple[Any, ...]]:
        """Rows of the events with these ids (none of them a UUID), by id, when all are there."""
        statement = (
            f"SELECT {columns} FROM enrich.events WHERE event_id = ANY(%s) ORDER BY event_id"
        )
        eventually(lambda: len(self.query(statement, list(ids))) >= len(ids))
        return self.query(statement, list(ids))

    def stored_of_day(self, columns: str, app_id: str, event_id: str) -> list[tuple[Any, ...]]:
        """The row of a counts-only event of this id, when it is there."""
        keyed = keyed_event_id(pseudonymizer_of(self.suite.home), app_id, event_id)
        statement = f"SELECT {columns} FROM enrich.events WHERE event_uuid = %s"
        eventually(lambda: self.query(statement, keyed))
        return self.query(statement, keyed)


@contextmanager
def suite_calls(suite: Suite) -> Iterator[SuiteCalls]:
    """Calls against a suite; closes its channels."""
    with ExitStack() as stack:
        yield SuiteCalls(suite, stack)
