"""What a service of a running suite shows to Prometheus."""

import urllib.request
from collections.abc import Iterator, Mapping

from prometheus_client.parser import text_string_to_metric_families

_SECONDS = 2.0


def metric_values(url: str, metric: str) -> Iterator[tuple[Mapping[str, str], float]]:
    """The labels and the value of each sample of this name. Raises OSError or ValueError if the page
    cannot be read."""
    with urllib.request.urlopen(url, timeout=_SECONDS) as answer:
        text = answer.read().decode()
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == metric:
                yield sample.labels, sample.value
