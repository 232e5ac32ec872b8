"""Erasures in a running suite, and recounts of what is left."""

import time
import uuid
from typing import Any

from weir.aggregate.v1 import aggregate_service_pb2_grpc, verify_pb2
from weir.privacy.v1 import (
    privacy_service_pb2,
    privacy_service_pb2_grpc,
    subject_request_service_pb2_grpc,
)
from weir.privacy.v1 import subject_request_service_pb2 as pb

from tests.support.suite_calls import SuiteCalls
from tests.support.waiting import PATIENCE_SECONDS, eventually


class Erasing:
    """Requests about people of one app."""

    def __init__(self, calls: SuiteCalls, app_id: str) -> None:
        self._calls = calls
        self.app_id = app_id

    def stub(self) -> Any:
        """Of the service of requests."""
        return subject_request_service_pb2_grpc.SubjectRequestServiceStub(
            self._calls.channel("privacy")
        )

    def call(self, rpc: str, request: Any) -> Any:
        """The answer of a call with the suite's token."""
        return getattr(self.stub(), rpc)(
            request, metadata=self._calls.metadata, timeout=PATIENCE_SECONDS
        )

    def create(self, subject_id: str, **fields: Any) -> pb.SubjectRequest:
        """Asks for an erasure."""
        asked = pb.CreateErasureRequest(app_id=self.app_id, subject_id=subject_id, **fields)
        made: pb.SubjectRequest = self.call("CreateErasure", asked).request
        return made

    def get(self, request_id: str) -> pb.SubjectRequest:
        """A request as it is now."""
        asked = pb.GetRequestRequest(app_id=self.app_id, request_id=request_id)
        found: pb.SubjectRequest = self.call("GetRequest", asked).request
        return found

    def done(self, request_id: str) -> pb.SubjectRequest:
        """The request when it is done."""
        eventually(lambda: self.get(request_id).state == pb.SUBJECT_REQUEST_STATE_DONE)
        return self.get(request_id)

    def erase(self, subject_id: str, **fields: Any) -> pb.SubjectRequest:
        """Erases a person, and returns the request when that is done."""
        return self.done(self.create(subject_id, **fields).request_id)

    def events_of(self, subject_id: str) -> int:
        """How many events are stored under the person's own id, or mention it."""
        [(rows,)] = self._calls.query(
            "SELECT count(*) FROM enrich.events WHERE app_id = %s"
            " AND (subject_id = %s OR entity_id = %s OR strpos(properties::text, %s) > 0)",
            *(self.app_id, subject_id, subject_id, f'"{subject_id}"'),
        )
        return int(rows)

    def decision(self, subject_id: str, purpose: str) -> int:
        """What CheckConsent answers."""
        stub = privacy_service_pb2_grpc.PrivacyServiceStub(self._calls.channel("privacy"))
        answer = stub.CheckConsent(
            privacy_service_pb2.CheckConsentRequest(
                app_id=self.app_id, subject_id=subject_id, purpose=purpose
            ),
            metadata=self._calls.metadata,
            timeout=PATIENCE_SECONDS,
        )
        return int(answer.decision)

    def differences(self) -> list[Any]:
        """What VerifyRollups finds that rollups lack, or have too much."""
        stub = aggregate_service_pb2_grpc.AggregateServiceStub(self._calls.channel("aggregate"))
        answers = stub.VerifyRollups(
            verify_pb2.VerifyRollupsRequest(app_id=self.app_id),
            metadata=self._calls.metadata,
            timeout=PATIENCE_SECONDS,
        )
        return [each.difference for each in answers if each.WhichOneof("result") == "difference"]


def counts(request: pb.SubjectRequest) -> dict[str, tuple[int, int, int]]:
    """By store: how many rows a request has erased, anonymized and withheld."""
    return {
        store.store: (store.erased, store.anonymized, store.withheld)
        for step in request.steps
        for store in step.stores
    }


def new_person(prefix: str = "person") -> str:
    """An id that no other test uses."""
    return f"{prefix}-{uuid.uuid4().hex[:12]}-{time.time_ns() % 1000}"
