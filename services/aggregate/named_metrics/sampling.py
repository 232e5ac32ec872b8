"""Which share of the events behind a metric is kept. Pure."""

from collections.abc import Iterator

from libs.catalog import Catalog, Environment, NamedMetric


def sampling_rate(catalog: Catalog, metric: NamedMetric) -> float:
    """The smallest share, 0 to 1, that the catalog keeps of the metric's events in production."""
    return min((kept_share(catalog, name) for name in _events(catalog, metric)), default=1.0)


def kept_share(catalog: Catalog, name: str) -> float:
    """The share, 0 to 1, that the catalog keeps of an event in production."""
    return catalog.events[name].sampling.get(Environment.PRODUCTION, 1.0)


def _events(catalog: Catalog, metric: NamedMetric) -> Iterator[str]:
    actives = (component.active for component in metric.components)
    for term in (*metric.terms, *filter(None, actives)):
        yield from catalog.rollups[term.rollup].events
    for component in metric.components:
        yield from component.events
    yield from metric.events
