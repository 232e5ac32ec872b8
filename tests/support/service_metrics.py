"""What the services of a running suite expose to Prometheus."""

import urllib.request
from collections.abc import Mapping

from prometheus_client.parser import text_string_to_metric_families

from suite.supervisor import Suite

SERVICES = ("ingest", "enrich", "aggregate", "privacy")


def samples(suite: Suite, service: str, name: str) -> list[tuple[Mapping[str, str], float]]:
    """Labels and value of each sample of this name, as Prometheus shows it."""
    with urllib.request.urlopen(suite.addresses.metrics[service], timeout=20) as answer:
        text = answer.read().decode()
    return [
        (sample.labels, sample.value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name
    ]


def catalog_versions(suite: Suite) -> dict[str, str]:
    """The version of the catalogs that each service works with."""
    versions = {}
    for service in SERVICES:
        [(labels, _)] = samples(suite, service, "weir_catalog_info")
        versions[service] = labels["version"]
    return versions
