"""Which events are xAPI statements, and what of an event is what of its statement."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from libs.catalog.source import Source

# Texts, and sources whose values stand between them.
Template = tuple[str | Source, ...]


@dataclass(frozen=True, slots=True)
class XapiActivity:
    """A kind of activity: the IRI of one of them, and the IRI of the kind, which may be empty."""

    id: Template
    type: str = ""


@dataclass(frozen=True, slots=True)
class XapiScore:
    """The number that was reached, and from where to where it could be; None if that is not known."""

    raw: Source
    minimum: float | None = None
    maximum: float | Source | None = None


@dataclass(frozen=True, slots=True)
class XapiDuration:
    """A number, of which so many are a second."""

    source: Source
    per_second: int


@dataclass(frozen=True, slots=True)
class XapiResult:
    """What came of it. `success` and `completion` are always so, or are what the event says; `extensions` are
    by their IRI."""

    score: XapiScore | None = None
    success: bool | Source | None = None
    completion: bool | Source | None = None
    duration: XapiDuration | None = None
    extensions: Mapping[str, Source] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class XapiStatement:
    """The statement of an event. `objects` are what it may be about: the first of which the event has all
    values counts."""

    verb: str
    verb_id: str
    objects: tuple[XapiActivity, ...]
    parent: tuple[XapiActivity, ...]
    grouping: tuple[XapiActivity, ...]
    result: XapiResult


@dataclass(frozen=True, slots=True)
class Xapi:
    """The statements of an app's events, by event name. Their actors are accounts of `home_page`; words are
    of `language`."""

    home_page: str
    language: str
    statements: Mapping[str, XapiStatement]
