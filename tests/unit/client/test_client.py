"""The blocking calls of the SDK, on grpcio-testing's channel: what is sent, and what comes back."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import grpc
import grpc_testing
import pytest
from google.rpc import code_pb2, error_details_pb2, status_pb2
from weir.ingest.v1 import ingest_service_pb2 as pb
from weir.ingest.v1 import ingest_service_pb2_grpc as pb_grpc

from weir_client import Client, build_event, describe_error

SERVICE = pb.DESCRIPTOR.services_by_name["IngestService"]


@pytest.fixture
def channel() -> Any:
    return grpc_testing.channel([SERVICE], grpc_testing.strict_real_time())


@pytest.fixture
def client(channel: Any) -> Client:
    return Client("", token="secret", channel=channel)


def _in_thread(call: Callable[..., Any], *arguments: Any) -> Future[Any]:
    executor = ThreadPoolExecutor(1)
    future = executor.submit(call, *arguments)
    executor.shutdown(wait=False)
    return future


def test_track_sends_one_event_and_returns_its_verdict(channel: Any, client: Client) -> None:
    event = build_event("view", subject_id="7")
    future = _in_thread(client.track, "social_live", event)
    metadata, request, rpc = channel.take_unary_unary(SERVICE.methods_by_name["TrackEvent"])
    rpc.send_initial_metadata(())
    answer = pb.TrackEventResponse(verdict=pb.VERDICT_ANONYMIZED)
    rpc.terminate(answer, (), grpc.StatusCode.OK, "")
    assert future.result(timeout=5) == answer
    assert request == pb.TrackEventRequest(app_id="social_live", event=event)
    assert ("authorization", "Bearer secret") in tuple(metadata)


def test_track_batch_keeps_the_order(channel: Any, client: Client) -> None:
    events = [build_event("view", subject_id=str(number)) for number in range(3)]
    future = _in_thread(client.track_batch, "social_live", events)
    _, request, rpc = channel.take_unary_unary(SERVICE.methods_by_name["TrackBatch"])
    rpc.send_initial_metadata(())
    answer = pb.TrackBatchResponse(counts=pb.VerdictCounts(accepted=3))
    rpc.terminate(answer, (), grpc.StatusCode.OK, "")
    assert future.result(timeout=5) == answer
    assert list(request.events) == events


def test_a_refused_call_says_why(channel: Any, client: Client) -> None:
    future = _in_thread(client.track, "nobody", build_event("view"))
    _, _, rpc = channel.take_unary_unary(SERVICE.methods_by_name["TrackEvent"])
    status = status_pb2.Status(code=code_pb2.NOT_FOUND, message="no catalog")
    info = error_details_pb2.ErrorInfo(
        reason="APP_UNKNOWN", domain="weir", metadata={"field": "app_id"}
    )
    status.details.add().Pack(info)
    rpc.send_initial_metadata(())
    trailing = (("grpc-status-details-bin", status.SerializeToString()),)
    rpc.terminate(pb.TrackEventResponse(), trailing, grpc.StatusCode.NOT_FOUND, "no catalog")
    with pytest.raises(grpc.RpcError) as raised:
        future.result(timeout=5)
    problem = describe_error(raised.value)
    assert str(problem) == "APP_UNKNOWN (app_id): no catalog"
    assert problem.code == "NOT_FOUND"


def test_a_failure_without_details_is_described_by_its_code(channel: Any, client: Client) -> None:
    future = _in_thread(client.track, "social_live", build_event("view"))
    _, _, rpc = channel.take_unary_unary(SERVICE.methods_by_name["TrackEvent"])
    rpc.send_initial_metadata(())
    rpc.terminate(pb.TrackEventResponse(), (), grpc.StatusCode.UNAVAILABLE, "gone")
    with pytest.raises(grpc.RpcError) as raised:
        future.result(timeout=5)
    assert str(describe_error(raised.value)) == "UNAVAILABLE: gone"


@pytest.mark.parametrize(
    "details",
    [
        pytest.param(b"\xff", id="no message"),
        # A proxy has replaced the code and left the server's details.
        pytest.param(
            status_pb2.Status(code=code_pb2.NOT_FOUND, message="no catalog").SerializeToString(),
            id="about another code",
        ),
    ],
)
def test_details_that_do_not_fit_are_left_out(channel: Any, client: Client, details: bytes) -> None:
    future = _in_thread(client.track, "social_live", build_event("view"))
    _, _, rpc = channel.take_unary_unary(SERVICE.methods_by_name["TrackEvent"])
    rpc.send_initial_metadata(())
    trailing = (("grpc-status-details-bin", details),)
    rpc.terminate(pb.TrackEventResponse(), trailing, grpc.StatusCode.UNAVAILABLE, "gone")
    with pytest.raises(grpc.RpcError) as raised:
        future.result(timeout=5)
    assert str(describe_error(raised.value)) == "UNAVAILABLE: gone"


class Taking(pb_grpc.IngestServiceServicer):
    """Accepts every event."""

    def TrackEvent(self, request: Any, context: Any) -> pb.TrackEventResponse:  # noqa: N802
        return pb.TrackEventResponse(verdict=pb.VERDICT_ACCEPTED)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_proxy_of_the_environment_is_not_used_on_this_machine(
    monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    for name in ("http_proxy", "grpc_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # nothing listens there
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("no_grpc_proxy", raising=False)
    server = grpc.server(ThreadPoolExecutor(2))
    pb_grpc.add_IngestServiceServicer_to_server(Taking(), server)
    port = server.add_insecure_port(f"{host}:0")
    server.start()
    try:
        with Client(f"{host}:{port}") as client:
            assert client.track("chess", build_event("view")).verdict == pb.VERDICT_ACCEPTED
    finally:
        server.stop(None).wait()
