"""Compiles the behaviours of a catalog: named conditions on events, by which cohorts are made."""

from collections.abc import Mapping
from types import MappingProxyType

from libs.catalog.compile_rollups import compile_selection
from libs.catalog.model import Behaviour, EventType
from libs.catalog.reader import Section


def compile_behaviours(
    section: Section, events: Mapping[str, EventType]
) -> Mapping[str, Behaviour]:
    """The behaviours by name."""
    found = {}
    for name, entry in section.children():
        entry.only(("description", "events", "filter"))
        entry.check_name("behaviour", name)
        if not entry.texts("events"):
            entry.complain("`events` is missing")
        selected = compile_selection(entry, "events", events)
        found[name] = Behaviour(name, selected, entry.text("filter", ""))
    return MappingProxyType(found)
