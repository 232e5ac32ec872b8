"""Producers that send one event after the other, and each one again until its call is answered."""

import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import grpc
from weir.common.v1.event_pb2 import Event
from weir.ingest.v1 import ingest_service_pb2 as pb
from weir.ingest.v1.ingest_service_pb2_grpc import IngestServiceStub

from tests.support.ledger import Ledger
from tests.support.waiting import PATIENCE_SECONDS
from weir_client import build_event


def missions(caller: int, count: int) -> list[Event]:
    """Events of `unofficial_communities` that one caller sends, about a person of its own."""
    return [
        build_event(
            "gamification.mission.completed",
            event_id=f"{caller}-{number}-{uuid.uuid4().hex}",
            # Not a part of the event's id, which would be replaced with the person's.
            subject_id=f"person-{caller}",
            properties={"mission_type": "send_messages", "xp_awarded": number},
        )
        for number in range(count)
    ]


class PatientCallers:
    """A thread for each channel; `answered` grows by one with each event."""

    def __init__(self, app_id: str, token: str) -> None:
        self.ledger = Ledger()
        self.answered: list[str] = []
        self._app_id = app_id
        self._metadata = (("authorization", f"Bearer {token}"),)

    @contextmanager
    def calling(
        self, channels: Sequence[grpc.Channel], events: Sequence[Sequence[Event]]
    ) -> Iterator[None]:
        """Sends events, a list for each channel, while the block runs; waits for the rest at its end."""
        self.ledger.sent |= {event.event_id for own in events for event in own}
        threads = [
            threading.Thread(target=self._call, args=(channel, own))
            for channel, own in zip(channels, events, strict=True)
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            for thread in threads:
                thread.join()

    def _call(self, channel: grpc.Channel, events: Sequence[Event]) -> None:
        stub = IngestServiceStub(channel)
        for event in events:
            request = pb.TrackEventRequest(app_id=self._app_id, event=event)
            give_up = time.monotonic() + PATIENCE_SECONDS
            while True:
                try:
                    response = stub.TrackEvent(
                        request, metadata=self._metadata, timeout=5, wait_for_ready=True
                    )
                except grpc.RpcError:
                    assert time.monotonic() < give_up, "the call was never answered"
                    continue
                self.ledger.verdicts[event.event_id] = response.verdict
                self.answered.append(event.event_id)
                break
