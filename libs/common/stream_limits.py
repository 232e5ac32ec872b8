"""How many streams may be open at once, so that no caller can hold all of a server's memory."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from libs.common import server_metrics
from libs.common.errors import ResourceExhausted

# Streams end when a producer ends: soon enough to try again, and not all the time.
RETRY_AFTER_SECONDS = 1.0


class OpenStreams:
    """Counts the streams that are open, by connection and by credential."""

    def __init__(self, *, per_connection: int, per_credential: int) -> None:
        self._limits = {
            "max_streams_per_connection": per_connection,
            "max_streams_per_credential": per_credential,
        }
        self._open: Counter[tuple[str, str]] = Counter()

    @contextmanager
    def hold(self, *, connection: str, credential: str) -> Iterator[None]:
        """Counts a stream as open inside the block. Raises ResourceExhausted at a limit."""
        keys = [
            ("max_streams_per_connection", connection),
            ("max_streams_per_credential", credential),
        ]
        for key in keys:
            self._check(key)
        self._open.update(keys)
        try:
            yield
        finally:
            for key in keys:
                self._open[key] -= 1
                if not self._open[key]:
                    del self._open[key]

    def _check(self, key: tuple[str, str]) -> None:
        name = key[0]
        limit = self._limits[name]
        if self._open[key] >= limit:
            server_metrics.REFUSED_STREAMS.labels(name).inc()
            raise ResourceExhausted(
                f"{limit} streams are open already; the limit is {name}",
                metadata={"limit": name, "value": str(limit)},
                retry_after_seconds=RETRY_AFTER_SECONDS,
            )
