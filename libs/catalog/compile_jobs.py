"""Compiles the jobs of a catalog: which rollups' cells are written down as a result, and when."""

import re
from collections.abc import Mapping
from types import MappingProxyType

from libs.catalog.durations import HOUR, MINUTE
from libs.catalog.model import CatchUp, Rollup, StoringJob
from libs.catalog.period import PARTS_OF, Period
from libs.catalog.problems import did_you_mean
from libs.catalog.reader import Section
from libs.catalog.texts import is_name

_AT = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])").fullmatch


def compile_jobs(section: Section, rollups: Mapping[str, Rollup]) -> Mapping[str, StoringJob]:
    """The jobs by name."""
    jobs = {}
    for name, entry in section.children():
        entry.only(("description", "every", "at", "store", "catch_up"))
        if not is_name(name):
            entry.complain("the name of a job is a-z, 0-9 and `_`, beginning with a letter")
        every = entry.choice("every", Period)
        jobs[name] = StoringJob(
            name=name,
            description=entry.text("description", ""),
            every=every or Period.DAY,
            after_seconds=_after_seconds(entry, every),
            rollups=_stored(entry, every, rollups),
            catch_up=entry.choice("catch_up", CatchUp, CatchUp.EACH) or CatchUp.EACH,
        )
    return MappingProxyType(jobs)


def _after_seconds(entry: Section, every: Period | None) -> int:
    """How long after the end of its period a job is due."""
    if not entry.has("at"):
        entry.complain("`at` is missing: the time after the end of the period, such as '01:00'")
        return 0
    found = _AT(str(entry.values["at"].value))
    if found is None:
        entry.complain("must be hours and minutes in quotes, such as '01:00'", "at")
        return 0
    seconds = int(found[1]) * HOUR + int(found[2]) * MINUTE
    if every is Period.HOUR and seconds >= HOUR:
        entry.complain("of an hourly job must be less than an hour, such as '00:55'", "at")
    return seconds


def _stored(entry: Section, every: Period | None, rollups: Mapping[str, Rollup]) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(entry.texts("store")))
    if not names:
        entry.complain("`store` is missing: the rollups whose cells are kept", "store")
    for name in names:
        rollup = rollups.get(name)
        if rollup is None:
            entry.complain(f"no rollup `{name}`{did_you_mean(name, rollups)}", "store")
        elif every is not None and rollup.period not in PARTS_OF[every]:
            entry.complain(
                f"rollup `{name}` is by {rollup.period}, which is no part of a {every}", "store"
            )
    return names
