"""Calls of Weir's own callers: token, deadline, retries, pages; no proxy on this machine."""

from collections.abc import Iterator
from concurrent import futures
from typing import Any

import grpc
import pytest
from weir.privacy.v1 import privacy_service_pb2 as pb
from weir.privacy.v1 import privacy_service_pb2_grpc as pb_grpc

from libs.rpc.channels import Calls, bearer, channel_options, is_loopback, open_channel, pages


class Privacy(pb_grpc.PrivacyServiceServicer):
    """Notes what calls carry; fails so often first, with a status."""

    def __init__(self) -> None:
        self.failures: list[grpc.StatusCode] = []
        self.calls = 0
        self.tokens: set[str] = set()
        self.seconds: list[float] = []

    def GetConsentHistory(self, request: Any, context: Any) -> Any:  # noqa: N802
        self.calls += 1
        metadata = dict(context.invocation_metadata())
        self.tokens.add(metadata.get("authorization", ""))
        self.seconds.append(context.time_remaining())
        if self.failures:
            context.abort(self.failures.pop(0), "not now")
        place = int(request.page_token or 0)
        following = str(place + 1) if place < 2 else ""
        entries = [pb.ConsentEntry(purpose=f"p{place}")]
        return pb.GetConsentHistoryResponse(entries=entries, next_page_token=following)


@pytest.fixture
def privacy() -> Privacy:
    return Privacy()


@pytest.fixture
def address(privacy: Privacy) -> Iterator[str]:
    server = grpc.server(futures.ThreadPoolExecutor(2))
    pb_grpc.add_PrivacyServiceServicer_to_server(privacy, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}"
    server.stop(None).wait()


def _history(address: str, **options: Any) -> list[str]:
    with open_channel(address) as channel:
        calls = Calls(pb_grpc.PrivacyServiceStub(channel), "t0ken", **options)
        request = pb.GetConsentHistoryRequest(app_id="chess", subject_id="ann")
        return [
            entry.purpose
            for page in pages(calls.GetConsentHistory, request)
            for entry in page.entries
        ]


def test_a_call_carries_the_token_and_a_deadline_and_reads_all_pages(
    address: str, privacy: Privacy
) -> None:
    assert _history(address) == ["p0", "p1", "p2"]
    assert privacy.tokens == {"Bearer t0ken"}
    assert all(0 < seconds < 31 for seconds in privacy.seconds)
    privacy.seconds.clear()
    _history(address, seconds=1_000.0)
    assert all(900 < seconds < 1_100 for seconds in privacy.seconds)


def test_what_is_unavailable_is_tried_again(address: str, privacy: Privacy) -> None:
    privacy.failures = [grpc.StatusCode.UNAVAILABLE] * 3
    assert _history(address) == ["p0", "p1", "p2"]
    assert privacy.calls == 3 + 3


@pytest.mark.parametrize(
    ("code", "calls"),
    [(grpc.StatusCode.UNAVAILABLE, 4), (grpc.StatusCode.NOT_FOUND, 1)],
)
def test_a_call_is_tried_four_times_at_most(
    address: str, privacy: Privacy, code: grpc.StatusCode, calls: int
) -> None:
    privacy.failures = [code] * 10
    with pytest.raises(grpc.RpcError) as error:
        _history(address)
    assert error.value.code() is code
    assert privacy.calls == calls


@pytest.mark.parametrize(
    ("address_", "expected"),
    [
        ("127.0.0.1:50051", True),
        ("127.8.0.1:1", True),
        ("[::1]:50051", True),
        ("localhost:50051", True),
        ("192.0.2.7:50051", False),
        ("weir-ingest.weir:50051", False),
        ("localhost.example.com:50051", False),
    ],
)
def test_no_proxy_leads_to_this_machine(address_: str, expected: bool) -> None:
    assert is_loopback(address_) is expected
    assert (("grpc.enable_http_proxy", 0) in channel_options(address_)) is expected


def test_a_proxy_of_the_environment_is_not_used_on_this_machine(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "grpc_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # nothing listens there
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("no_grpc_proxy", raising=False)
    assert _history(address) == ["p0", "p1", "p2"]


def test_no_token_is_no_metadata() -> None:
    assert bearer("") == ()
