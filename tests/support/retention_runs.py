"""Runs of retention in a running suite."""

from collections.abc import Iterator
from contextlib import contextmanager

import grpc
from weir.privacy.v1 import retention_service_pb2 as pb
from weir.privacy.v1 import retention_service_pb2_grpc

from suite.supervisor import Suite
from tests.support.waiting import holds_in_time

# A run looks at each of its jobs in turn, and a runner at its journal every five seconds.
SECONDS = 300


@contextmanager
def _retention(suite: Suite) -> Iterator[retention_service_pb2_grpc.RetentionServiceStub]:
    """Calls to privacy; it may have been started anew."""
    with grpc.insecure_channel(suite.addresses.services["privacy"]) as channel:
        yield retention_service_pb2_grpc.RetentionServiceStub(channel)


def run(suite: Suite, request_id: str) -> pb.RetentionRun:
    """Asks for a run, or how it stands."""
    metadata = [("authorization", f"Bearer {suite.addresses.token}")]
    with _retention(suite) as stub:
        request = pb.RunRequest(request_id=request_id)
        response: pb.RunResponse = stub.Run(
            request, metadata=metadata, timeout=60, wait_for_ready=True
        )
        return response.run


def has_ended(suite: Suite, request_id: str) -> bool:
    """Whether a run is over."""
    return run(suite, request_id).state != pb.RETENTION_RUN_STATE_RUNNING


def finished_run(suite: Suite, request_id: str) -> pb.RetentionRun:
    """A run from its beginning to its end; each of its jobs has succeeded."""
    assert holds_in_time(lambda: has_ended(suite, request_id), SECONDS)
    ended = run(suite, request_id)
    assert ended.state == pb.RETENTION_RUN_STATE_DONE
    assert {step.outcome for step in ended.steps} == {"succeeded"}
    return ended
