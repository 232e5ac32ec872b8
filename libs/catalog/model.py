"""What a compiled catalog is. Nothing here changes after loading."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from libs.catalog.collection import Collection, PersonalData
from libs.catalog.erasure import ErasurePolicy
from libs.catalog.fields import FieldNames
from libs.catalog.limits import Limits, SentDimensions
from libs.catalog.metric import Conditions, Metric
from libs.catalog.metric_model import NamedMetric, Term
from libs.catalog.period import Period
from libs.catalog.schema import EventVersion
from libs.catalog.source import Source, SourceKind
from libs.catalog.xapi import Xapi


class WhenDenied(StrEnum):
    """What becomes of an event whose person denied the purpose."""

    ANONYMIZE = "anonymize"
    DROP = "drop"


class Subjectless(StrEnum):
    """What becomes of an event of the purpose that names no person whose consent could be asked for."""

    ACCEPT = "accept"
    DROP = "drop"


class Ground(StrEnum):
    """Why an app may use data for a purpose (GDPR, art. 6)."""

    CONSENT = "consent"
    LEGITIMATE_INTEREST = "legitimate_interest"


class Producer(StrEnum):
    """Who may send an event."""

    FRONTEND = "frontend"
    API = "api"
    SERVER = "server"
    JOB = "job"
    WEBHOOKS = "webhooks"


class Environment(StrEnum):
    """Where an event is produced."""

    PRODUCTION = "production"
    STAGING = "staging"
    DEVELOPMENT = "development"


class Pii(StrEnum):
    """How a category treats what identifies a person: its events have nothing of that kind, keep it, or lose
    it when the person denied their purpose."""

    NONE = "none"
    LOGGED = "logged"
    ANONYMIZED = "anonymized"


@dataclass(frozen=True, slots=True)
class AgeRule:
    """What a purpose asks of people by their age band: of those in `guardian` a guardian has to have granted
    it, of those in `closed` nothing makes it granted. A person whose band is not recorded is in `unknown`."""

    bands: frozenset[str]
    guardian: frozenset[str]
    closed: frozenset[str]
    unknown: str

    def asks_guardian(self, band: str) -> bool:
        """Of a band that is not declared, because it was renamed or changes just now, the strictest holds."""
        band = band or self.unknown
        return band in self.guardian if band in self.bands else bool(self.guardian)

    def closes(self, band: str) -> bool:
        """Whether people of the band cannot have it granted; the same of one that is not declared."""
        band = band or self.unknown
        return band in self.closed if band in self.bands else bool(self.closed)


@dataclass(frozen=True, slots=True)
class Purpose:
    """What consent is asked for. `default_granted` holds until the person says otherwise;
    `subjectless` says what becomes of events that name no person. A grant holds for `expires_seconds`; None:
    until the person says otherwise. A "no" to a purpose whose ground is a legitimate interest is an
    objection."""

    name: str
    default_granted: bool
    when_denied: WhenDenied
    subjectless: Subjectless = Subjectless.ACCEPT
    expires_seconds: int | None = None
    ground: Ground = Ground.CONSENT
    ages: AgeRule | None = None
    # In words for people. Nothing is decided by it.
    description: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Minors:
    """The age bands of the app's people, youngest first. `identity` is the purpose that has to be granted, as
    its age rule says, for an event without a purpose to name a minor; None: such events may name everyone."""

    bands: tuple[str, ...]
    identity: Purpose | None


@dataclass(frozen=True, slots=True)
class Category:
    """Events that are kept alike. None as a period: kept without limit (or never anonymized).
    `sampling` is the share kept by environment name; an environment that is missing keeps all.
    `legal_ground` says in words why its events need no consent; empty when the catalog does not."""

    name: str
    pii: str
    raw_retention_days: int | None
    aggregate_retention_days: int | None
    anonymize_after_days: int | None
    sampling: Mapping[str, float]
    legal_ground: str = ""
    # The values of the context that are stored of its events, and what is done about personal data in
    # unmarked places. None: as the app says.
    context: frozenset[str] | None = None
    personal_data: PersonalData | None = None
    # In words for people.
    description: str = ""


@dataclass(frozen=True, slots=True)
class EventType:
    """One event of the catalog. `producers` is never empty, its first one is assumed when a sender
    says nothing; `sampling` is the share kept by environment name, 1.0 if none is given. Of a
    `counts_only` event nothing is kept but its day, ids of whom and what it is about, and declared
    properties, which are scalars. Of one that `has_no_person` nothing is kept that identifies a person.
    Values of the properties `sealed`, of any version, are stored encrypted."""

    name: str
    description: str
    category: Category
    producers: tuple[str, ...]
    purpose: Purpose | None
    versions: Mapping[str, EventVersion]
    latest: EventVersion
    sampling: Mapping[str, float]
    raw_retention_days: int | None
    retention_class: str
    counts_only: bool = False
    has_no_person: bool = False
    sealed: frozenset[str] = frozenset()
    # The values of the context that are stored. None: all.
    context: frozenset[str] | None = None
    # What is done about personal data in unmarked places. None: nothing.
    personal_data: PersonalData | None = None

    def version(self, name: str) -> EventVersion | None:
        """The version called `name`, the newest for "", None when there is no such version."""
        return self.versions.get(name) if name else self.latest


@dataclass(frozen=True, slots=True)
class Dimension:
    """One way a rollup is split: the label in answers, and where the value is found."""

    name: str
    source: Source


@dataclass(frozen=True, slots=True)
class Label:
    """What people are shown in place of a dimension's value: its name, and its type, which may be empty."""

    name: str
    type: str


@dataclass(frozen=True, slots=True)
class Rollup:
    """A declared aggregate. `events` are names, patterns already resolved; `cell_retention_days`
    is how long its cells are kept: its own period, else the longest of its events' categories."""

    name: str
    events: frozenset[str]
    period: Period
    dimensions: tuple[Dimension, ...]
    metrics: tuple[Metric, ...]
    cell_retention_days: int | None

    @property
    def sources(self) -> tuple[Source, ...]:
        """Where its dimensions and then its metrics find their values; one may occur several times."""
        of_metrics = (metric.source for metric in self.metrics if metric.source is not None)
        of_conditions = (one.source for metric in self.metrics for one in metric.conditions)
        of_dimensions = (dimension.source for dimension in self.dimensions)
        return (*of_dimensions, *of_metrics, *of_conditions)

    @property
    def personal_dimensions(self) -> frozenset[str]:
        """The labels of those whose values are people's pseudonyms: with one, cells are of single people."""
        return frozenset(
            one.name for one in self.dimensions if one.source.kind is SourceKind.SUBJECT
        )


@dataclass(frozen=True, slots=True)
class EventChoice:
    """Events of these names that meet all conditions."""

    events: frozenset[str]
    conditions: Conditions = ()


@dataclass(frozen=True, slots=True)
class Gauge:
    """How many people, or sessions, are there now, in all and by each value of `by`. One is there if the last
    of its events is one of `enters` and not older than `silence_seconds`; of two at the same moment, the one
    of `leaves` is the last. `by_receipt`: when an event was received decides, not when it occurred.
    `exclusive`: entering at one value of `by` is leaving at all others."""

    name: str
    description: str
    enters: tuple[EventChoice, ...]
    leaves: tuple[EventChoice, ...]
    key: Source
    by: tuple[Dimension, ...]
    silence_seconds: int
    exclusive: bool
    by_receipt: bool

    @property
    def events(self) -> frozenset[str]:
        """All events that change it."""
        return frozenset(name for each in (*self.enters, *self.leaves) for name in each.events)

    @property
    def sources(self) -> tuple[Source, ...]:
        """Where it finds who is there, by what it is split, and what its conditions are about."""
        of_conditions = (
            condition.source
            for each in (*self.enters, *self.leaves)
            for condition in each.conditions
        )
        return (self.key, *(dimension.source for dimension in self.by), *of_conditions)


class CatchUp(StrEnum):
    """Which of the periods that a job missed it makes up for."""

    EACH = "each"
    NEWEST = "newest"


@dataclass(frozen=True, slots=True)
class CohortTable:
    """Cohorts of the people who entered in a week, of `weeks` weeks: how many of them were `active` in each
    week since, and which share exactly so many `days` after each one's own first day. `entry` and `active`
    are numbers of different people by day. `dimensions` are the labels of a row's two weeks: that of the
    cohort, and that which is looked at."""

    entry: Term
    active: Term
    weeks: int
    days: tuple[int, ...]
    dimensions: tuple[str, str]


@dataclass(frozen=True, slots=True)
class StoringJob:
    """A job that writes the cells of some rollups, and the values of some metrics, down as a result,
    `after_seconds` after the end of each period; their own periods are whole parts of it. Metrics of single
    people are written of those who were active in the `active_within_days` that end with the period, and
    `cohorts` of the weeks that end with it."""

    name: str
    description: str
    every: Period
    after_seconds: int
    rollups: tuple[str, ...]
    catch_up: CatchUp
    metrics: tuple[str, ...] = ()
    active_within_days: int = 30
    cohorts: CohortTable | None = None


@dataclass(frozen=True, slots=True)
class ClockPolicy:
    """How far `occurred_at` may be from the clock of ingest. No `max_age_days`: any age. Events are expected
    until `lateness_seconds` after they occurred: then the numbers of their time are final."""

    max_future_seconds: int = 600
    max_age_days: int | None = None
    # With the 60 s of the watermark, a day is final at 00:51.
    lateness_seconds: int = 3_000


@dataclass(frozen=True, slots=True)
class Behaviour:
    """A named condition on events: people who have done such a thing. `filter` is in the form of AIP-160 and
    is read by those who ask; empty: all events of these names."""

    name: str
    events: frozenset[str]
    filter: str


@dataclass(frozen=True, slots=True)
class Catalog:
    """One app."""

    app_id: str
    title: str
    # What the app calls a person, and the entity types whose ids are people's ids.
    subject_name: str
    subject_entity_types: frozenset[str]
    # Whether an event can name another person than its subject, as far as the catalog says.
    names_others: bool
    # Whether a rollup or a gauge reads the teacher, who is another person than a learner.
    names_teachers: bool
    group_name: str | None
    # What of its events is stored.
    collection: Collection
    # The purpose that a person must have granted for their address, and so their country, to be kept. None:
    # it is kept of every event.
    location_purpose: Purpose | None
    purposes: Mapping[str, Purpose]
    # None: the app asks for no one's age.
    minors: Minors | None
    # Numbers of fewer people are withheld from callers who may see aggregates only. 1: none is.
    least_people: int
    erasure: ErasurePolicy
    categories: Mapping[str, Category]
    events: Mapping[str, EventType]
    # Those of them that have sealed properties, with these.
    sealed: Mapping[str, frozenset[str]]
    rollups: Mapping[str, Rollup]
    # By a dimension's name and its value.
    labels: Mapping[str, Mapping[str, Label]]
    gauges: Mapping[str, Gauge]
    # By name; none has the name of a rollup.
    metrics: Mapping[str, NamedMetric]
    jobs: Mapping[str, StoringJob]
    behaviours: Mapping[str, Behaviour]
    # None: no event is a statement.
    xapi: Xapi | None
    # The paths of the properties of which a rollup makes sums, averages or extremes.
    measures: frozenset[tuple[str, ...]]
    # The events of which only counts are kept.
    counts_only_events: frozenset[str]
    # The events of which a rollup or gauge reads the entity.
    entity_events: frozenset[str]
    fields: FieldNames
    dedupe_window_seconds: int
    clock: ClockPolicy
    # The events that make a person active. None: every event.
    activity: frozenset[str] | None
    # The longest an event may be kept, in days, if its sender marks it `sensitive` or `pii`. A level that is
    # missing changes nothing.
    privacy_levels: Mapping[str, int]
    # Whether its events are to be archived before they are removed.
    archive: bool
    limits: Limits
    # The names of the enrichment steps that are switched on.
    enrichment: frozenset[str]
    # By event name, the dimensions whose values a producer can make long.
    sent_dimensions: Mapping[str, SentDimensions]
    # The sections that other parts of Weir read, as plain data.
    opaque_sections: Mapping[str, object]

    @property
    def may_hold_others(self) -> bool:
        """Whether what is stored can have the id of another person than an event's subject, as far as the
        catalog says."""
        return self.names_others or self.names_teachers
