"""What every server of Weir measures of its calls."""

from prometheus_client import Counter

UNAUTHENTICATED = Counter(
    "weir_rpc_unauthenticated_calls_total", "Calls refused because they had no valid token"
)
UNREADABLE = Counter(
    "weir_rpc_unreadable_messages_total",
    "Messages whose bytes are no message of the method's type",
    ["method"],
)
REFUSED_STREAMS = Counter(
    "weir_rpc_refused_streams_total",
    "Streams, and calls that wait for their message, beyond a limit",
    ["limit"],
)
TIMED_OUT = Counter(
    "weir_rpc_timed_out_calls_total", "Calls that were ended because they took too long", ["method"]
)
