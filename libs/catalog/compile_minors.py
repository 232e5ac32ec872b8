"""Compiles what a catalog says about minors: age bands, and which purposes need a guardian."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType

from libs.catalog.model import AgeRule, Minors, Purpose
from libs.catalog.problems import did_you_mean
from libs.catalog.reader import Section

ALL = "all"


def compile_minors(
    section: Section, purposes: Mapping[str, Purpose]
) -> tuple[Mapping[str, Purpose], Minors | None]:
    """The purposes with what each asks of people by age, and the age bands; None if the app has none."""
    section.only(("bands", "unknown", "identity"))
    if not section.values:
        return purposes, None
    guardian: dict[str, set[str]] = {name: set() for name in purposes}
    closed: dict[str, set[str]] = {name: set() for name in purposes}
    bands = []
    for band, entry in section.child("bands").children():
        entry.check_name("band of ages", band)
        entry.only(("guardian", "closed"))
        bands.append(band)
        for key, found in (("guardian", guardian), ("closed", closed)):
            for name in _named(entry, key, purposes):
                found[name].add(band)
    if not bands:
        section.complain("at least one age band is needed", "bands")
        return purposes, None
    # The youngest: whom nothing is known about is treated as strictly as anyone.
    unknown = section.text("unknown", default=bands[0])
    if unknown not in bands:
        section.complain(f"no age band `{unknown}`{did_you_mean(unknown, bands)}", "unknown")
    aged = {
        name: replace(
            purpose,
            ages=AgeRule(
                frozenset(bands), frozenset(guardian[name]), frozenset(closed[name]), unknown
            ),
        )
        for name, purpose in purposes.items()
    }
    identity = section.text("identity", default="")
    if identity and identity not in aged:
        section.complain(f"no purpose `{identity}`{did_you_mean(identity, aged)}", "identity")
    return MappingProxyType(aged), Minors(tuple(bands), aged.get(identity))


def _named(entry: Section, key: str, purposes: Mapping[str, Purpose]) -> Iterable[str]:
    names = entry.texts(key)
    if names == (ALL,):
        return purposes
    for name in names:
        if name not in purposes:
            entry.complain(f"no purpose `{name}`{did_you_mean(name, purposes)}", key)
    return [name for name in names if name in purposes]
