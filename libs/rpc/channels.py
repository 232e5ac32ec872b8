"""Calls of Weir's own callers, such as the command line and the demo: address, token, deadline, retries."""

import ipaddress
from collections.abc import Callable, Iterator
from typing import Any

import grpc

CALL_SECONDS = 30.0
# For pages of cells with long dimensions.
_MAX_RESPONSE_BYTES = 16 << 20
# gRPC's own retries, of every RPC: all may be repeated. UNAVAILABLE says that a call was not answered: no
# connection, a server that drains, a store that is away. Four attempts take two seconds at most.
_SERVICE_CONFIG = """{"methodConfig": [{
  "name": [{}],
  "retryPolicy": {"maxAttempts": 4, "initialBackoff": "0.1s", "maxBackoff": "1s",
                  "backoffMultiplier": 3, "retryableStatusCodes": ["UNAVAILABLE"]}}]}"""


def channel_options(address: str, *, retry: bool = True) -> list[tuple[str, Any]]:
    """The options of a channel to `host:port`; also for grpc.aio. `retry`: whether calls are repeated."""
    return [
        *([("grpc.service_config", _SERVICE_CONFIG)] if retry else []),
        ("grpc.max_receive_message_length", _MAX_RESPONSE_BYTES),
        # A connection whose other end is gone is noticed while a call waits. Servers permit a ping each ten
        # seconds (`min_ping_interval_seconds`).
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        *([("grpc.enable_http_proxy", 0)] if is_loopback(address) else []),
    ]


def is_loopback(address: str) -> bool:
    """Whether `host:port` is on this machine, to which no proxy of the environment leads."""
    host = address.rpartition(":")[0].strip("[]")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def open_channel(address: str, *, retry: bool = True) -> grpc.Channel:
    """A channel to `host:port`, see `channel_options`. The caller closes it; it is a context manager."""
    return grpc.insecure_channel(address, options=channel_options(address, retry=retry))


def bearer(token: str) -> tuple[tuple[str, str], ...]:
    """The metadata that carries a token; none for ""."""
    return (("authorization", f"Bearer {token}"),) if token else ()


class Calls:
    """A generated stub whose calls carry the token, and a deadline: `calls.QueryRollup(request)`.

    `wait_for_ready`: a call waits for the server, up to its deadline, instead of failing at once. A stream
    that may last is called with `endless=True`. Each method has `future(request)` as well, as the stub's
    has. All raise grpc.RpcError.
    """

    def __init__(
        self,
        stub: Any,
        token: str,
        *,
        seconds: float = CALL_SECONDS,
        wait_for_ready: bool = False,
    ) -> None:
        self._stub = stub
        self._given = {"metadata": bearer(token), "wait_for_ready": wait_for_ready}
        self._seconds = seconds

    def __getattr__(self, rpc: str) -> "_Call":
        return _Call(getattr(self._stub, rpc), self._seconds, self._given)


class _Call:
    def __init__(self, method: Any, seconds: float, given: dict[str, Any]) -> None:
        self._method = method
        self._seconds = seconds
        self._given = given

    def __call__(self, request: object, *, endless: bool = False) -> Any:
        return self._method(request, timeout=None if endless else self._seconds, **self._given)

    def future(self, request: object) -> Any:
        return self._method.future(request, timeout=self._seconds, **self._given)


def pages(call: Callable[[Any], Any], request: Any) -> Iterator[Any]:
    """The answers of a call that answers page by page; `request` gets each page's token."""
    while True:
        response = call(request)
        yield response
        if not response.next_page_token:
            return
        request.page_token = response.next_page_token
