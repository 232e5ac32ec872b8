"""The page that Prometheus reads."""

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import REGISTRY, start_http_server
from prometheus_client.registry import Collector


@contextmanager
def metrics_page(host: str, port: int, collector: Collector = REGISTRY) -> Iterator[None]:
    """Serves `/metrics` inside the block; not at all if the port is 0. Raises OSError if it is taken."""
    if not port:
        yield
        return
    httpd, thread = start_http_server(port, host, collector)
    try:
        yield
    finally:
        httpd.shutdown()
        httpd.server_close()
        thread.join()
