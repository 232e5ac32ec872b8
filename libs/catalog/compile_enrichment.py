"""Compiles which enrichment steps an app has switched on."""

from collections.abc import Mapping

from libs.catalog.enrichment import ENRICHED_SOURCES, ENRICHMENT_STEPS
from libs.catalog.model import Rollup
from libs.catalog.problems import did_you_mean
from libs.catalog.reader import Section
from libs.catalog.source import SourceKind


def compile_enrichment(section: Section, rollups: Mapping[str, Rollup]) -> frozenset[str]:
    """The names of the steps that the list `enrichment` of a catalog switches on; all without one.

    Notes names that are no step, and rollups that read a field of a step that is switched off: they would
    count nothing but empty values.
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
    for rollup in rollups.values():
        for name in _enriched(rollup):
            step = ENRICHED_SOURCES[name].step
            if step not in steps:
                reason = f"rollup `{rollup.name}` reads `{name}`, which the step `{step}` finds"
                section.complain(reason, "enrichment")
    return steps


def _enriched(rollup: Rollup) -> set[str]:
    """The fields of enrichment that the rollup reads."""
    return {source.path[0] for source in rollup.sources if source.kind is SourceKind.ENRICHED}
