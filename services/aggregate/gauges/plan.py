"""A gauge as it is kept: under a key of its own for each way to declare it. Pure."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import orjson

from libs.catalog import Catalog, EventChoice, Gauge, SourceKind

# Part of each key: raise it when what is kept under a key changes its form.
_FORM = 2
US_PER_SECOND = 1_000_000


@dataclass(frozen=True, slots=True)
class GaugePlan:
    """One gauge of an app. `definition` differs for gauges that count differently: what was kept by another
    declaration of the same name is of no use. An event that was received more than `lateness_us` after it
    occurred says nothing of who is there now. A value that it is split by has at most
    `dimension_characters`. `hashes_sessions`: all sessions are stored as keyed hashes."""

    app_id: str
    gauge: Gauge
    definition: str
    lateness_us: int
    dimension_characters: int
    hashes_sessions: bool

    @property
    def silence_us(self) -> int:
        """For how long an event says that a person is there."""
        return self.gauge.silence_seconds * US_PER_SECOND

    @property
    def of_sessions(self) -> bool:
        """Whether it counts sessions, and not people."""
        return self.gauge.key.kind is not SourceKind.SUBJECT

    @property
    def labels(self) -> Sequence[str]:
        """What the values of a group are called."""
        return [dimension.name for dimension in self.gauge.by]


def gauge_plans(catalog: Catalog) -> Mapping[str, GaugePlan]:
    """The app's gauges by name."""
    lateness_us = catalog.clock.lateness_seconds * US_PER_SECOND
    characters = catalog.limits.dimension_characters
    return {
        gauge.name: GaugePlan(
            catalog.app_id,
            gauge,
            _definition(gauge, lateness_us, characters),
            lateness_us,
            characters,
            catalog.collection.hashes_sessions,
        )
        for gauge in catalog.gauges.values()
    }


# The values of `by`, as a JSON array; empty for a gauge without it.
GroupKey = str
NO_GROUP: GroupKey = ""


def group_key(values: Sequence[str | bytes | None]) -> GroupKey:
    """The group of these values: texts, canonical JSON as bytes of anything else, None for no value."""
    if not values:
        return NO_GROUP
    found = [orjson.Fragment(each) if isinstance(each, bytes) else each for each in values]
    return orjson.dumps(found).decode()


def _declared(choice: EventChoice) -> list[object]:
    return [sorted(choice.events), list(map(str, choice.conditions))]


def _definition(gauge: Gauge, lateness_us: int, characters: int) -> str:
    declared = [
        _FORM,
        *([_declared(each) for each in choices] for choices in (gauge.enters, gauge.leaves)),
        str(gauge.key),
        [str(dimension.source) for dimension in gauge.by],
        gauge.silence_seconds,
        gauge.exclusive,
        gauge.by_receipt and lateness_us,
        characters,
    ]
    return hashlib.blake2b(orjson.dumps(declared), digest_size=8).hexdigest()
