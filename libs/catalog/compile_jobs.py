"""Compiles the jobs of a catalog: which rollups' cells and which metrics are written down as a result, and
when."""

import re
from collections.abc import Mapping
from types import MappingProxyType

from libs.catalog.durations import HOUR, MINUTE
from libs.catalog.metric_model import NamedMetric
from libs.catalog.metric_terms import TermReader
from libs.catalog.model import CatchUp, CohortTable, Rollup, StoringJob
from libs.catalog.period import PARTS_OF, Period
from libs.catalog.problems import did_you_mean
from libs.catalog.reader import Section

# Of whom the values of single people are stored.
_ACTIVE_WITHIN_DAYS = 30
_DAYS = re.compile(r"([1-9][0-9]{0,2})d").fullmatch
# How many weeks of cohorts a table has.
_WEEKS, _MOST_WEEKS = 12, 52
_AT = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])").fullmatch


def compile_jobs(
    section: Section, rollups: Mapping[str, Rollup], metrics: Mapping[str, NamedMetric]
) -> Mapping[str, StoringJob]:
    """The jobs by name."""
    jobs = {}
    for name, entry in section.children():
        entry.only(("description", "every", "at", "store", "catch_up", "active_within", "cohorts"))
        entry.check_name("job", name)
        every = entry.choice("every", Period)
        stored = tuple(dict.fromkeys(entry.texts("store")))
        cohorts = _cohorts(entry, every, rollups) if entry.has("cohorts") else None
        if not stored and not entry.has("cohorts"):
            entry.complain("`store` is missing: the rollups and metrics that are kept", "store")
        _check_stored(entry, stored, every, rollups, metrics)
        jobs[name] = StoringJob(
            name=name,
            description=entry.text("description", ""),
            every=every or Period.DAY,
            after_seconds=_after_seconds(entry, every),
            rollups=tuple(one for one in stored if one in rollups),
            catch_up=entry.choice("catch_up", CatchUp, CatchUp.EACH) or CatchUp.EACH,
            metrics=tuple(one for one in stored if one in metrics),
            active_within_days=entry.days("active_within") or _ACTIVE_WITHIN_DAYS,
            cohorts=cohorts,
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


def _cohorts(
    entry: Section, every: Period | None, rollups: Mapping[str, Rollup]
) -> CohortTable | None:
    section = entry.child("cohorts")
    section.only(("entry", "active", "weeks", "days", "dimensions"))
    if every is not Period.WEEK:
        entry.complain("are of weeks: the job has to be weekly", "cohorts")
    terms = TermReader(section, rollups, Period.WEEK, ())
    found = (*terms.people("entry", Period.DAY), *terms.people("active", Period.DAY))
    dimensions = section.texts("dimensions")
    if len(set(dimensions)) != 2:
        section.complain(
            "must be two labels, of the cohort's week and of the week that is looked at",
            "dimensions",
        )
    days = [_DAYS(text) for text in section.texts("days")]
    if not all(days):
        section.complain("must be lengths of time in days, such as [1d, 7d, 30d]", "days")
    weeks = section.whole("weeks", 1, _MOST_WEEKS) or _WEEKS
    if len(found) != 2 or len(set(dimensions)) != 2:
        return None
    return CohortTable(
        *found,
        weeks=weeks,
        days=tuple(sorted({int(day[1]) for day in days if day})),
        dimensions=(dimensions[0], dimensions[1]),
    )


def _check_stored(
    entry: Section,
    names: tuple[str, ...],
    every: Period | None,
    rollups: Mapping[str, Rollup],
    metrics: Mapping[str, NamedMetric],
) -> None:
    for name in names:
        found = rollups.get(name) or metrics.get(name)
        kind = "rollup" if name in rollups else "metric"
        if found is None:
            hint = did_you_mean(name, [*rollups, *metrics])
            entry.complain(f"no rollup or metric `{name}`{hint}", "store")
        elif every is not None and found.period not in PARTS_OF[every]:
            entry.complain(
                f"{kind} `{name}` is by {found.period}, which is no part of a {every}", "store"
            )
        elif name in metrics and metrics[name].is_personal and every is not Period.DAY:
            entry.complain(f"metric `{name}` is of single people, and stored by day", "store")
