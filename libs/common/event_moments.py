"""Of which moment an event is, for fences, erasures and keys. Pure."""

from weir.common.v1.event_pb2 import Event


def oldest_us(event: Event, received_at_us: int) -> int:
    """When an event occurred, or was received if its sender's clock is ahead; 0 if it does not say when, or
    before 1970. In microseconds since the Unix epoch, as `received_at_us` is."""
    occurred_at = event.occurred_at
    occurred_us = occurred_at.seconds * 1_000_000 + occurred_at.nanos // 1_000
    return min(max(occurred_us, 0), received_at_us)
