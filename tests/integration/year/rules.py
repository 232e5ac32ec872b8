"""What a catalog says of limits, read from its YAML without the program's own reader."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import yaml

# Stored events are dropped by these many days; a limit in between is kept for the next shorter one.
CLASSES = (1, 7, 30, 90, 365, 730, 1095, 2555, 3650)
_UNITS = {"d": 1, "w": 7, "mo": 30, "y": 365}
DAY = timedelta(days=1)
# Of the own apps; the first two are built in. `matches` has a dimension that anonymization may take, but
# not before a privacy level ends the event.
COUNTED_AGAIN = ("events", "activity", "matches", "pages")
HOURLY = ("events", "pages")


def days_of(period: str) -> int:
    """The days of `90d` or `5y`; a very large number for `keep`."""
    if period == "keep":
        return 1_000_000
    number = period.rstrip("dwmoy")
    return int(number) * _UNITS[period[len(number) :]]


@dataclass(frozen=True)
class EventRule:
    """How long an event is kept, after how many days it is anonymized (None: never), and whether it may
    name people at all."""

    days: int
    anonymized_after: int | None
    names_people: bool


class AppRules:
    """The limits of one app."""

    def __init__(self, text: str) -> None:
        self.catalog: Mapping[str, Any] = yaml.safe_load(text)
        self.app_id: str = self.catalog["app_id"]
        self.levels = {
            level: days_of(period)
            for level, period in self.catalog.get("privacy_levels", {}).items()
        }
        self.events = {name: self._event(event) for name, event in self.catalog["events"].items()}
        # The events that make a person active.
        self.active = self._matching(self.catalog.get("activity", ["*"]))
        self._cell_days: dict[str, int] = {}
        self._rollups: dict[str, Sequence[str]] = {}

    @classmethod
    def read(cls, path: Path) -> "AppRules":
        """Of the file of an app."""
        return cls(path.read_text())

    def _matching(self, patterns: Sequence[str]) -> set[str]:
        return {name for name in self.events if any(fnmatch(name, one) for one in patterns)}

    def _event(self, event: Mapping[str, Any]) -> EventRule:
        category = self.catalog["categories"][event["category"]]
        days = days_of(str(event.get("retention", category["retention"]["raw"])))
        anonymized = category.get("anonymize_after")
        return EventRule(
            days,
            days_of(str(anonymized)) if anonymized else None,
            names_people=category.get("pii") != "none",
        )

    def days(self, name: str, level: str | None, wish: int = 0) -> int:
        """How many days an event is kept at most: by its category, its privacy level, its sender."""
        found = min(self.events[name].days, self.levels.get(level or "", 1_000_000))
        return min(found, wish) if wish else found

    def kept_days(self, name: str, level: str | None, wish: int = 0) -> int:
        """How many days it is kept in fact."""
        limit = self.days(name, level, wish)
        return max((days for days in CLASSES if days <= limit), default=limit)

    def rollups_of(self, name: str) -> Sequence[str]:
        """The rollups that count an event, of those that the test counts again."""
        if name not in self._rollups:
            declared = self.catalog.get("rollups") or {}
            found = ["events"]
            if name in self.active and self.events[name].names_people:
                found.append("activity")
            found += [
                rollup
                for rollup in COUNTED_AGAIN
                if name in declared.get(rollup, {}).get("events", ())
            ]
            self._rollups[name] = found
        return self._rollups[name]

    def bucket(self, rollup: str, moment: datetime) -> datetime:
        """When the bucket of a moment began."""
        if rollup in HOURLY:
            return moment.replace(minute=0, second=0, microsecond=0)
        return midnight(moment)

    def open_days(self, rollup: str) -> int:
        """Of how many days all events are stored that a rollup counts, but for those whose sender has
        shortened it; by the privacy levels, any event may be kept as short as the shortest of them."""
        names = [name for name in self.events if rollup in self.rollups_of(name)]
        return min(self.kept_days(name, level) for name in names for level in (None, *self.levels))

    def cell_days(self, rollup: str) -> int:
        """How many days the cells of a rollup are kept: as it says, else as long as any of its events'."""
        if rollup not in self._cell_days:
            self._cell_days[rollup] = self._days_of_cells(rollup)
        return self._cell_days[rollup]

    def _days_of_cells(self, rollup: str) -> int:
        section = (self.catalog.get("rollups") or {}).get(rollup, {})
        if "retention" in section:
            return days_of(str(section["retention"]))
        chosen = (
            self.active if rollup == "activity" else self._matching(section.get("events", ["*"]))
        )
        categories = {self.catalog["events"][name]["category"] for name in chosen}
        return max(
            days_of(str(self.catalog["categories"][name]["retention"]["aggregate"]))
            for name in categories
        )


def midnight(moment: datetime) -> datetime:
    """When its day began."""
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)
