"""Compiles which enrichment steps an app has switched on."""

from collections.abc import Iterable, Mapping

from libs.catalog.enrichment import ENRICHED_SOURCES, ENRICHMENT_STEPS
from libs.catalog.model import Gauge, Rollup
from libs.catalog.problems import did_you_mean
from libs.catalog.reader import Section
from libs.catalog.source import Source, SourceKind


def compile_enrichment(
    section: Section, rollups: Mapping[str, Rollup], gauges: Mapping[str, Gauge]
) -> frozenset[str]:
    """The names of the steps that the list `enrichment` of a catalog switches on; all without one.

    Notes names that are no step, and rollups and gauges that read a field of a step that is switched off:
    they would count nothing but empty values.
    """
    if not section.has("enrichment"):
        return frozenset(ENRICHMENT_STEPS)
    node = section.values["enrichment"]
    for item in node.value if isinstance(node.value, tuple) else (node,):
        if isinstance(item.value, str) and item.value not in ENRICHMENT_STEPS:
            hint = did_you_mean(item.value, ENRICHMENT_STEPS)
            known = ", ".join(ENRICHMENT_STEPS)
            reason = f"no step `{item.value}`, there are {known}{hint}"
            section.problems.add(item.line, f"enrichment: {reason}")
    steps = frozenset(section.texts("enrichment"))
    readers = [
        *((f"rollup `{rollup.name}`", rollup.sources) for rollup in rollups.values()),
        *((f"gauge `{gauge.name}`", gauge.sources) for gauge in gauges.values()),
    ]
    for reader, sources in readers:
        for name in _enriched(sources):
            step = ENRICHED_SOURCES[name].step
            if step not in steps:
                reason = f"{reader} reads `{name}`, which the step `{step}` finds"
                section.complain(reason, "enrichment")
    return steps


def _enriched(sources: Iterable[Source]) -> set[str]:
    """The fields of enrichment among the sources."""
    return {source.path[0] for source in sources if source.kind is SourceKind.ENRICHED}
