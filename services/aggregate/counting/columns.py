"""The events of one name as columns: one list per source, in the order of the events."""

from collections.abc import Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any

import orjson

from libs.catalog import CUT_MARK, Conditions, Period, Source, SourceKind, cut_text
from libs.catalog.event_words import ENVIRONMENTS, PRODUCERS
from services.aggregate.buckets import SECONDS_PER_HOUR, bucket_start
from services.aggregate.counting.people import People
from services.aggregate.counting.rows import EventRows, Row
from services.aggregate.model import CellKey
from services.aggregate.plan import (
    EVENT_ID_PATH,
    NAME_PATH,
    NANOS_PATH,
    PROPERTIES_PATH,
    SECONDS_PATH,
    SESSION_PATH,
    SUBJECT_PATHS,
    attribute_paths,
)

_ENUMS = {"producer": PRODUCERS, "environment": ENVIRONMENTS}
# Beyond this a double may have stood for several integers, so it stays a double.
_EXACT_INTEGERS = 2.0**53
_TEXTS = frozenset({str, type(None)})
# Ids and names in the envelope are short; whatever else a rollup is split by is made so.
_SHORT = frozenset({SourceKind.ENVELOPE, SourceKind.ENTITY, SourceKind.SUBJECT})
_NAME = Source(SourceKind.ENVELOPE, NAME_PATH)
# Ingest looks at the length of these only.
_ANY_TEXTS = frozenset({SourceKind.CONTEXT, SourceKind.ATTRIBUTION})
Keys = Sequence[str | bytes | None]


class Columns:
    """Columns of events that were read; each is made when first asked for, and once."""

    def __init__(self, read: EventRows, people: People) -> None:
        self.name = read.name
        self._people = people
        self._received = read.received
        self._dimension_characters = read.plan.dimension_characters
        self._event = _transposed(read.plan.event_paths, read.rows)
        self._enrichment = _transposed(read.plan.enrichment_paths, read.enriched)
        self._raw: dict[Source, Sequence[Any]] = {}
        self._texts: dict[Source, Keys] = {}
        self._keys: dict[Source, Keys] = {}
        self._cell_keys: dict[tuple[Period, tuple[Source, ...]], list[CellKey]] = {}
        self._matches: dict[Conditions, Sequence[bool] | None] = {}
        self._buckets: dict[Period, list[int]] = {}
        self._hours: list[int] = [
            seconds // SECONDS_PER_HOUR for seconds in self._event[SECONDS_PATH]
        ]
        self._properties: list[Any] | None = None
        self._moments: list[int] | None = None
        self._sessions: list[str] | None = None

    def buckets(self, period: Period) -> Sequence[int]:
        """The start of each event's bucket, in seconds since the epoch."""
        if period not in self._buckets:
            # Every period begins on a full hour, and a chunk has few different ones.
            starts = {
                hour: bucket_start(period, hour * SECONDS_PER_HOUR) for hour in set(self._hours)
            }
            self._buckets[period] = [starts[hour] for hour in self._hours]
        return self._buckets[period]

    def cell_keys(self, period: Period, sources: tuple[Source, ...]) -> Sequence[CellKey]:
        """The key of each event's cell in a rollup by these dimensions."""
        by = period, sources
        if by not in self._cell_keys:
            columns = [self.buckets(period), *map(self.dimension, sources)]
            if all(map(is_constant, columns)):
                # Most chunks are within one day: one key for all, and nothing to put together.
                keys = [tuple(column[0] for column in columns)] * len(columns[0])
            else:
                keys = list(zip(*columns, strict=True))
            self._cell_keys[by] = keys
        return self._cell_keys[by]

    def dimension(self, source: Source) -> Keys:
        """Each event's value as part of a cell's key: see `model.CellKey`. A value that is longer than
        the catalog allows is cut: ingest had another catalog, or the app wants it so."""
        if source not in self._keys:
            keys = self._unbounded(source)
            short = source.kind in _SHORT
            self._keys[source] = keys if short else bounded(keys, self._dimension_characters)
        return self._keys[source]

    def _unbounded(self, source: Source) -> Keys:
        if source not in self._texts:
            self._texts[source] = self._as_keys(source)
        return self._texts[source]

    def _as_keys(self, source: Source) -> Keys:
        raw = self.raw(source)
        if source.kind is not SourceKind.PROPERTY:
            # A protobuf field that was not set is an empty text.
            return [value or None for value in raw] if "" in raw else raw
        if _TEXTS.issuperset(map(type, raw)):
            return raw
        return [
            value if type(value) is str or value is None else canonical_json(value) for value in raw
        ]

    def members(self, source: Source) -> Sequence[str]:
        """Each event's value as a text to count distinct ones of; empty if there is none."""
        raw = self.raw(source)
        if source.kind is not SourceKind.PROPERTY:
            return raw
        return [
            value if type(value) is str else "" if value is None else canonical_json(value).decode()
            for value in raw
        ]

    def sessions(self) -> Sequence[str]:
        """Each event's session as a pseudonym, empty if it has none; only of events that a gauge of sessions
        takes."""
        if self._sessions is None:
            subjects, anonymous = (self._event[path] for path in SUBJECT_PATHS)
            self._sessions = self._people.sessions(subjects, anonymous, self._event[SESSION_PATH])
        return self._sessions

    def matches(self, conditions: Conditions) -> Sequence[bool] | None:
        """Which events meet all conditions: None if all do, and nothing if none does."""
        if not conditions:
            return None
        if conditions not in self._matches:
            self._matches[conditions] = self._met(conditions)
        return self._matches[conditions]

    def _met(self, conditions: Conditions) -> Sequence[bool] | None:
        columns = []
        for condition in conditions:
            wanted = condition_keys(condition.values)
            if condition.source == _NAME:
                # All of the events have the same.
                if self.name not in wanted:
                    return ()
            else:
                columns.append([key in wanted for key in self._unbounded(condition.source)])
        if not columns:
            return None
        met = columns[0] if len(columns) == 1 else list(map(all, zip(*columns, strict=True)))
        return met if True in met else ()

    def event_ids(self) -> Sequence[str]:
        """Each event's id."""
        return self._event[EVENT_ID_PATH]

    def seconds(self) -> Sequence[int]:
        """When each event occurred, in whole seconds since the epoch."""
        return self._event[SECONDS_PATH]

    def moments(self) -> Sequence[int]:
        """When each event occurred, in microseconds since the epoch."""
        if self._moments is None:
            seconds, nanos = self._event[SECONDS_PATH], self._event[NANOS_PATH]
            self._moments = [
                second * 1_000_000 + nano // 1_000
                for second, nano in zip(seconds, nanos, strict=True)
            ]
        return self._moments

    def received(self) -> Sequence[int]:
        """When each was received, in microseconds since the epoch; only of events that a gauge takes."""
        return self._received or ()

    def raw(self, source: Source) -> Sequence[Any]:
        """Each event's value as it is; None if a property is missing, "" if a field is."""
        if source not in self._raw:
            self._raw[source] = self._column(source)
        return self._raw[source]

    def _column(self, source: Source) -> Sequence[Any]:
        match source.kind:
            case SourceKind.SUBJECT:
                return self._people.persons(*(self._event[path] for path in SUBJECT_PATHS))
            case SourceKind.PROPERTY:
                return _walk(self._parsed_properties(), source.path)
            case SourceKind.ENRICHED:
                return self._enrichment[source.path[0]]
            case SourceKind.ENVELOPE if source.path == NAME_PATH:
                return [self.name] * len(self._hours)
            case _:
                column = self._event[attribute_paths(source)[0]]
                if source.kind in _ANY_TEXTS and "\0" in "".join(column):
                    # As enrich stores it: Postgres has no such character.
                    column = [text.replace("\0", "\ufffd") for text in column]
                names = _ENUMS.get(source.path[0]) if source.kind is SourceKind.ENVELOPE else None
                return column if names is None else [_name(names, number) for number in column]

    def _parsed_properties(self) -> list[Any]:
        if self._properties is None:
            loads = orjson.loads
            self._properties = [loads(text or b"{}") for text in self._event[PROPERTIES_PATH]]
        return self._properties


def is_constant(values: Sequence[Any]) -> bool:
    """Whether all values, of which there is one at least, are the same."""
    return values.count(values[0]) == len(values)


def bounded(keys: Keys, characters: int) -> Keys:
    """The keys with those cut that are longer: a text to its beginning and a mark, an object or list,
    of which a part means nothing, to the mark alone."""
    longer: dict[str | bytes | None, str] = {}
    for key in set(keys):
        # Characters of JSON are at most as many as its bytes.
        if key is not None and len(key) > characters:
            if isinstance(key, str):
                longer[key] = cut_text(key, characters)
            elif len(key.decode()) > characters:
                longer[key] = CUT_MARK
    return [longer.get(key, key) for key in keys] if longer else keys


def canonical_json(value: object) -> bytes:
    """JSON that is the same for equal values: keys sorted, whole doubles as integers."""
    if type(value) is float and value.is_integer() and abs(value) < _EXACT_INTEGERS:
        value = int(value)
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


@lru_cache(maxsize=1024)
def condition_keys(values: tuple[str, ...]) -> frozenset[str | bytes]:
    """The values of a condition as a dimension would have them."""
    plain = map(orjson.loads, values)
    return frozenset(each if isinstance(each, str) else canonical_json(each) for each in plain)


def _transposed(paths: Sequence[str], rows: Sequence[Row]) -> dict[str, list[Any]]:
    return {path: list(map(itemgetter(place), rows)) for place, path in enumerate(paths)}


def _walk(column: list[Any], path: tuple[str, ...]) -> list[Any]:
    if len(path) == 1:
        [key] = path
        return [properties.get(key) for properties in column]
    for key in path:
        column = [value.get(key) if type(value) is dict else None for value in column]
    return column


def _name(names: tuple[str, ...], number: int) -> str:
    # A number that this release does not know yet is still a value of its own.
    return names[number] if 0 <= number < len(names) else str(number)
