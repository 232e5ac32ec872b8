"""What a server permits on one connection, as options of gRPC's core."""

from libs.runtime.settings import CommonSettings

MAX_MESSAGE_BYTES = 8 * 1024 * 1024


def server_options(settings: CommonSettings, *, shares_port: bool = False) -> list[tuple[str, int]]:
    """The options of a server; see docs/operations.md for what each setting limits. With `shares_port` it
    may be one of several at its port, between which the kernel spreads connections."""
    ping_ms = _milliseconds(settings.min_ping_interval_seconds)
    return [
        ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
        ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
        # Two servers on one port would share its connections unnoticed; workers do so on purpose.
        ("grpc.so_reuseport", int(shares_port)),
        ("grpc.max_concurrent_streams", settings.max_calls_per_connection),
        ("grpc.max_connection_idle_ms", _milliseconds(settings.max_connection_idle_seconds)),
        # Without a time of grace: calls and streams under way go on to their own end.
        ("grpc.max_connection_age_ms", _milliseconds(settings.max_connection_age_seconds)),
        ("grpc.keepalive_time_ms", _milliseconds(settings.keepalive_seconds)),
        ("grpc.http2.min_ping_interval_without_data_ms", ping_ms),
        # Clients may ask as often whether the server is there. After two pings that came too early the
        # connection is closed (ENHANCE_YOUR_CALM).
        ("grpc.http2.min_recv_ping_interval_without_data_ms", ping_ms),
    ]


def _milliseconds(seconds: float) -> int:
    return int(seconds * 1000)
