"""What a service of a running suite shows to Prometheus."""

import urllib.request
from collections.abc import Iterator

_SECONDS = 2.0


def metric_values(url: str, metric: str) -> Iterator[tuple[str, float]]:
    """The labels, as written (`app="chess"`; empty if there are none), and the value of each sample of a
    metric. Raises OSError or ValueError if the page cannot be read."""
    with urllib.request.urlopen(url, timeout=_SECONDS) as answer:
        text = answer.read().decode()
    for line in text.splitlines():
        sample, _, value = line.rpartition(" ")
        name, _, labels = sample.partition("{")
        if name == metric:
            yield labels.removesuffix("}"), float(value)
