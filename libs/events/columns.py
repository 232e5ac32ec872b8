"""The columns of `enrich.events` that others may read.

Enrich alone writes the table. Its readers rely on these columns: one of them changes its meaning, or goes,
only together with all readers; a new one does not disturb them.
"""

from dataclasses import dataclass

_UUID, _TIME, _TEXT, _JSON = "uuid", "timestamp with time zone", "text", "jsonb"
_BOOLEAN = "boolean"


@dataclass(frozen=True, slots=True)
class EventColumn:
    """A column: its name, its type as Postgres calls it, whether it may be null, what it means.

    `personal` says whether it identifies a person, or may hold what does: what erasure and export of a person
    have to look at. All times are UTC, with microseconds.
    """

    name: str
    type: str
    meaning: str
    nullable: bool = False
    personal: bool = False


COLUMNS = (
    EventColumn(
        "event_uuid", _UUID, "the event id if that is a canonical UUID, else a UUIDv5 of it"
    ),
    EventColumn(
        "occurred_at", _TIME, "when it happened, by the producer's clock, as ingest took it"
    ),
    EventColumn("received_at", _TIME, "when ingest received it, by ingest's clock"),
    EventColumn(
        "session_started_at",
        _TIME,
        "when the first event of its session occurred; null without a session",
        nullable=True,
    ),
    EventColumn("app_id", _TEXT, "the app that it belongs to; people of two apps are never linked"),
    EventColumn(
        "retention_class",
        _TEXT,
        "how long it is kept: `1d` to `10y`, or `keep`; see `RETENTION_CLASSES`",
    ),
    EventColumn("name", _TEXT, "the event's name in the app's catalog"),
    EventColumn("schema_version", _TEXT, "the version of its schema there; empty if it named none"),
    EventColumn(
        "producer", _TEXT, "who sent it: `frontend`, `api` and so on; empty if it did not say"
    ),
    EventColumn("environment", _TEXT, "`production`, `staging` or `development`"),
    EventColumn(
        "event_id",
        _TEXT,
        "the id that the producer gave it; null if that is `event_uuid`",
        nullable=True,
        personal=True,
    ),
    EventColumn(
        "subject_id",
        _TEXT,
        "the person it is about, in the app's ids; null if it has a pseudonym or names no person",
        nullable=True,
        personal=True,
    ),
    EventColumn(
        "anonymous_id",
        _TEXT,
        "the pseudonym of a person who did not agree, or an anonymous id of the app",
        nullable=True,
        personal=True,
    ),
    EventColumn(
        "session_id",
        _TEXT,
        "the session, in the app's ids, or as a keyed hash",
        nullable=True,
        personal=True,
    ),
    EventColumn("group_id", _TEXT, "the community, organization or class", nullable=True),
    EventColumn("entity_type", _TEXT, "the kind of thing that it happened to", nullable=True),
    EventColumn("entity_id", _TEXT, "which one; it may be a person", nullable=True, personal=True),
    EventColumn(
        "request_id", _TEXT, "the request in which it happened", nullable=True, personal=True
    ),
    EventColumn(
        "country",
        _TEXT,
        "ISO 3166-1 alpha-2 code, from the address; null if unknown",
        nullable=True,
    ),
    EventColumn("device_type", _TEXT, "`desktop`, `mobile`, `tablet` and so on", nullable=True),
    EventColumn("os", _TEXT, "the operating system's name", nullable=True),
    EventColumn("browser", _TEXT, "the browser's or client's name", nullable=True),
    EventColumn(
        "context",
        _JSON,
        "an object: what the producer said of the surroundings, with a truncated `ip`",
        nullable=True,
        personal=True,
    ),
    EventColumn(
        "attribution",
        _JSON,
        "an object: source, campaign, referrer and so on",
        nullable=True,
        personal=True,
    ),
    EventColumn(
        "properties",
        _JSON,
        "an object: the event's own properties, as the catalog has them",
        personal=True,
    ),
    EventColumn("os_version", _TEXT, "the operating system's version", nullable=True),
    EventColumn("browser_version", _TEXT, "the browser's version", nullable=True),
    EventColumn("device_brand", _TEXT, "the device's maker", nullable=True),
    EventColumn("device_model", _TEXT, "the device's model", nullable=True),
    EventColumn(
        "person",
        _UUID,
        "whom it is about, for all numbers: the pseudonym of the subject, else the `anonymous_id`; null if it"
        " names no person",
        nullable=True,
        personal=True,
    ),
    EventColumn(
        "privacy_level",
        _TEXT,
        "what its sender marked it as: `standard`, `sensitive` or `pii`; null if it said nothing",
        nullable=True,
    ),
    EventColumn(
        "consent_given",
        _BOOLEAN,
        "what its sender said of the person's consent, which decided nothing if it is true; null if it said"
        " nothing",
        nullable=True,
    ),
    EventColumn("ip_anonymized", _BOOLEAN, "true: an address is truncated before it is stored"),
)
