"""How long what a producer sends may be, and what becomes of a rollup's dimension that is longer."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any, NamedTuple

import orjson

from libs.catalog.reader import Section
from libs.catalog.source import Source, SourceKind
from libs.catalog.texts import MAX_TEXT_LENGTH

CUT_MARK = "…"
# Envelope fields and event names, which are checked elsewhere, are never longer than the least
# limit of a dimension. The greatest keeps a cell of any rollup far below the size of a message.
_DIMENSION_RANGE = MAX_TEXT_LENGTH, 4_096
_TEXT_RANGE = MAX_TEXT_LENGTH, 65_536
# An event has to fit into a frame, which is 4 MiB; it may be as long as any of its texts.
_PROPERTY_RANGE = 1_024, 1_048_576
_EVENT_RANGE = _TEXT_RANGE[1], 2_097_152
_TEXT_KINDS = frozenset({SourceKind.CONTEXT, SourceKind.ATTRIBUTION})


class LongerDimension(StrEnum):
    """What becomes of an event with a dimension value that is longer than the limit."""

    REJECT = "reject"
    CUT = "cut"


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one app.

    `dimension_characters` holds for each value that a rollup is split by, `text_characters` for each
    text of an event's context and attribution, `property_bytes` for one property with its name and for
    `context.extra`, `event_bytes` for a whole event.
    """

    dimension_characters: int = 256
    longer_dimension: LongerDimension = LongerDimension.REJECT
    text_characters: int = 2_048
    property_bytes: int = 65_536
    event_bytes: int = 524_288


class SentDimensions(NamedTuple):
    """The dimensions of an event that a producer can make long: properties, and texts of context and
    attribution. What enrichment finds is not among them, because only counting knows it."""

    properties: tuple[Source, ...]
    texts: tuple[Source, ...]

    def lengths(self, properties: Mapping[str, Any]) -> list[tuple[Source, int]]:
        """How many characters each of the properties has as a dimension: a text as it is, an object or list
        as compact JSON, anything else none that count."""
        return [(source, _characters(_at(properties, source.path))) for source in self.properties]


def compile_limits(section: Section) -> Limits:
    """The limits that the catalog sets, with the defaults for those that it does not."""
    section.only(
        ("dimension_characters", "longer_dimension", "text_characters", "property_bytes",
         "event_bytes")
    )  # fmt: skip
    default = Limits()
    return Limits(
        dimension_characters=_whole(
            section, "dimension_characters", _DIMENSION_RANGE, default.dimension_characters
        ),
        longer_dimension=section.choice(
            "longer_dimension", LongerDimension, default.longer_dimension
        )
        or default.longer_dimension,
        text_characters=_whole(section, "text_characters", _TEXT_RANGE, default.text_characters),
        property_bytes=_whole(section, "property_bytes", _PROPERTY_RANGE, default.property_bytes),
        event_bytes=_whole(section, "event_bytes", _EVENT_RANGE, default.event_bytes),
    )


def sent_dimensions(
    rollups: Iterable[tuple[frozenset[str], Iterable[Source]]],
) -> Mapping[str, SentDimensions]:
    """By event name, its dimensions that a producer can make long; `rollups` are the events and the
    dimensions of each. Events without such a dimension are missing."""
    found: dict[str, dict[Source, None]] = {}
    for events, sources in rollups:
        for event in events:
            found.setdefault(event, {}).update(dict.fromkeys(sources))
    split = {
        event: SentDimensions(
            tuple(source for source in sources if source.kind is SourceKind.PROPERTY),
            tuple(source for source in sources if source.kind in _TEXT_KINDS),
        )
        for event, sources in found.items()
    }
    return MappingProxyType({event: sent for event, sent in split.items() if any(sent)})


def cut_text(text: str, characters: int) -> str:
    """`text` in at most so many characters; the last one is CUT_MARK when something is missing."""
    return text if len(text) <= characters else text[: characters - 1] + CUT_MARK


def _at(properties: Mapping[str, Any], path: Sequence[str]) -> Any:
    here: Any = properties
    for step in path:
        here = here.get(step) if isinstance(here, dict) else None
    return here


def _characters(value: Any) -> int:
    if isinstance(value, str):
        return len(value)
    return len(orjson.dumps(value).decode()) if isinstance(value, dict | list) else 0


def _whole(section: Section, key: str, limits: tuple[int, int], default: int) -> int:
    number = section.whole(key, *limits)
    return default if number is None else number
