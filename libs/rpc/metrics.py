"""Prometheus metrics of the calls of a server.

The names and labels of the first are those of OpenTelemetry's semantic conventions for RPC metrics
(`rpc.server.call.duration`), in Prometheus' spelling.
"""

from prometheus_client import Counter, Gauge, Histogram

CALL_SECONDS = Histogram(
    "rpc_server_call_duration_seconds",
    "From a call's first byte to its status; of a stream, how long it was open",
    ["rpc_system_name", "rpc_method", "rpc_response_status_code"],
    # Those of the conventions, finer below for consent checks, and above for streams.
    buckets=(
        *(0.001, 0.0025),
        *(0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10),
        *(60, 600, 3600),
    ),
)
OPEN_CALLS = Gauge(
    "weir_rpc_open_calls",
    "Calls and streams that are being answered",
    ["rpc_method"],
    multiprocess_mode="livesum",
)
UNREADABLE = Counter(
    "weir_rpc_unreadable_messages",
    "Messages whose bytes are no message of the method's type",
    ["rpc_method"],
)
REFUSED_CALLS = Counter(
    "weir_rpc_refused_calls",
    "Streams, and unary calls that wait for their message, beyond a limit",
    ["limit"],
)
TIMED_OUT = Counter(
    "weir_rpc_timed_out_calls", "Calls that were ended because they took too long", ["rpc_method"]
)


def method_label(method: str) -> str:
    """The `rpc_method` of `/package.Service/Method`: the conventions write it without the first slash."""
    return method.removeprefix("/")
