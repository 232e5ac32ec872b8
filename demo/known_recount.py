"""Rollups counted from what was sent and how each event was answered, without asking any store. Pure.

Written by hand for the rollups that matter most, so that a catalog that declares the wrong thing is
found out as well.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from typing import Any

from demo.cells import Cells, with_values
from demo.model import DemoEvent, ExpectedVerdict
from libs.events.recount import RecountKey, cell_key


@dataclass(frozen=True, slots=True)
class Taken:
    """An event that was taken."""

    event: DemoEvent

    @property
    def person(self) -> str:
        """Who counts as one person: a subject, with consent or without, or an anonymous id."""
        if self.event.subject_id:
            return f"subject {self.event.subject_id}"
        return f"anonymous {self.event.anonymous_id}" if self.event.anonymous_id else ""


# Of these no hour is kept: they count in the first one of their day.
_DAY_ONLY = "whatsapp."
Measure = Callable[[Sequence[Taken]], float | None]


@dataclass(frozen=True, slots=True)
class Known:
    """One rollup as the documents describe it. It counts the events whose names begin with one of `names`;
    `metrics` say how to work out each metric of a cell from its events, `dimensions` how to read each
    dimension from an event."""

    app_id: str
    rollup: str
    names: tuple[str, ...]
    metrics: Mapping[str, Measure]
    dimensions: Mapping[str, Callable[[DemoEvent], Any]] = field(default_factory=dict)
    hourly: bool = False

    def cells(self, taken: Iterable[Taken]) -> Cells:
        """The cells that should be there."""
        groups: dict[RecountKey, list[Taken]] = {}
        for one in taken:
            event = one.event
            if event.app_id != self.app_id or not event.name.startswith(self.names):
                continue
            dimensions = {label: read(event) for label, read in self.dimensions.items()}
            hourly = self.hourly and not event.name.startswith(_DAY_ONLY)
            key = cell_key(_bucket(event.occurred_at, hourly=hourly), dimensions)
            groups.setdefault(key, []).append(one)
        found = {
            key: with_values({name: measure(group) for name, measure in self.metrics.items()})
            for key, group in groups.items()
        }
        return {key: values for key, values in found.items() if values}


def taken_events(answered: Iterable[tuple[DemoEvent, ExpectedVerdict]]) -> list[Taken]:
    """The events that must be stored."""
    return [
        Taken(event)
        for event, verdict in answered
        if verdict in (ExpectedVerdict.ACCEPTED, ExpectedVerdict.ANONYMIZED)
    ]


def _bucket(moment: datetime, *, hourly: bool) -> int:
    start = moment.replace(minute=0, second=0, microsecond=0)
    return int((start if hourly else start.replace(hour=0)).timestamp())


def _count(group: Sequence[Taken]) -> float | None:
    return float(len(group))


def _people(group: Sequence[Taken]) -> float | None:
    return float(len({one.person for one in group} - {""})) or None


def _new_people(group: Sequence[Taken]) -> float | None:
    return _people(_signups(group))


def _returning_people(group: Sequence[Taken]) -> float | None:
    new = {one.person for one in _signups(group)}
    return float(len({one.person for one in group} - new - {""})) if _people(group) else None


def _signups(group: Sequence[Taken]) -> list[Taken]:
    return [one for one in group if one.event.name == "user.signup.completed"]


def _numbers(name: str, group: Sequence[Taken]) -> list[Fraction]:
    values = [one.event.properties.get(name) for one in group]
    # As it is written: 29.99 is 29.99 here, and not the double next to it.
    return [Fraction(repr(value)) for value in values if isinstance(value, int | float)]


def _total(name: str) -> Measure:
    return lambda group: float(sum(found)) if (found := _numbers(name, group)) else None


def _mean(name: str) -> Measure:
    return lambda group: (
        float(sum(found) / len(found)) if (found := _numbers(name, group)) else None
    )


def _least(name: str) -> Measure:
    return lambda group: float(min(found)) if (found := _numbers(name, group)) else None


def _greatest(name: str) -> Measure:
    return lambda group: float(max(found)) if (found := _numbers(name, group)) else None


def _group(event: DemoEvent) -> str | None:
    return event.group_id or None


def _property(name: str) -> Callable[[DemoEvent], Any]:
    return lambda event: event.properties.get(name)


def _name(event: DemoEvent) -> str:
    return event.name


_UC = "unofficial_communities"
KNOWN: tuple[Known, ...] = (
    *(
        Known(app_id, "events", ("",), {"events": _count}, {"name": _name}, hourly=True)
        for app_id in (_UC, "mlc_lms", "addvalue", "ip_assets", "social_live")
    ),
    Known(
        _UC,
        "dau",
        (
            "user.signup.completed",
            "gamification.xp.awarded",
            "gamification.level.up",
            "gamification.mission.completed",
            "gamification.streak.started",
            "gamification.streak.continued",
            "community.created",
            "community.member.joined",
            "community.invite.",
            "world.session.",
            "world.zone.",
            "world.portal.",
        ),
        {
            "active_users": _people,
            "new_users": _new_people,
            "returning_users": _returning_people,
        },
        {"community_id": _group},
    ),
    Known(
        _UC,
        "mission_completion",
        ("gamification.mission.completed",),
        {
            "completions": _count,
            "unique_users": _people,
            "total_xp_awarded": _total("xp_awarded"),
            "avg_xp": _mean("xp_awarded"),
        },
        {"community_id": _group, "mission_type": _property("mission_type")},
    ),
    Known(
        _UC,
        "zone_dwell",
        ("world.zone.exited",),
        {"avg_duration": _mean("duration_seconds"), "visits": _count},
        {"community_id": _group, "zone_type": _property("zone_type")},
    ),
    Known(
        "mlc_lms",
        "stage_results",
        ("game_stage_complete",),
        {
            "completions": _count,
            "students": _people,
            "avg_score": _mean("score"),
            "avg_attempts": _mean("attempts"),
        },
        {"organization_id": _group, "game_id": _property("game_id")},
    ),
    Known(
        "addvalue",
        "microacts",
        ("microact_created",),
        {"microacts": _count, "people": _people},
        {"category": _property("category")},
        hourly=True,
    ),
    Known(
        "ip_assets",
        "payouts",
        ("payout_completed",),
        {"payouts": _count, "total_amount_cents": _total("amount_cents")},
        {"payment_method": _property("payment_method")},
    ),
    Known(
        "social_live",
        "revenue",
        ("purchase",),
        {
            "orders": _count,
            "revenue": _total("amount"),
            "avg_order": _mean("amount"),
            "smallest_order": _least("amount"),
            "largest_order": _greatest("amount"),
        },
        {"currency": _property("currency")},
    ),
)
