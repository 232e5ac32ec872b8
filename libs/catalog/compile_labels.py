"""Compiles the words for values of dimensions, which are shown to people in place of them."""

from collections.abc import Mapping
from types import MappingProxyType

from libs.catalog.model import Label, Rollup
from libs.catalog.problems import did_you_mean
from libs.catalog.reader import Section


def compile_labels(
    section: Section, rollups: Mapping[str, Rollup]
) -> Mapping[str, Mapping[str, Label]]:
    """By a dimension's name in answers and its value, a text."""
    known = {dimension.name for rollup in rollups.values() for dimension in rollup.dimensions}
    labels = {}
    for dimension, values in section.children():
        if dimension not in known:
            hint = did_you_mean(dimension, known)
            section.complain(f"no rollup has the dimension `{dimension}`{hint}", dimension)
        found = {}
        for value, entry in values.children():
            entry.only(("name", "type"))
            found[value] = Label(entry.text("name"), entry.text("type", ""))
        labels[dimension] = MappingProxyType(found)
    return MappingProxyType(labels)
