"""The fields that enrichment adds to events: the one table from which columns, rows, messages and what
catalogs may count by are derived. A step is switched on and off by its name here."""

from dataclasses import dataclass
from enum import StrEnum


class FieldKind(StrEnum):
    """What a field's values are."""

    TEXT = "text"  # empty if nothing is known
    TIME = "time"  # microseconds since the Unix epoch, None if nothing is known


@dataclass(frozen=True, slots=True)
class EnrichedField:
    """One field, and the step that finds its values.

    `name` is the column in `enrich.events`. The fields by which rollups may count (`is_source`) are handed
    on to aggregate, under the same name, in `weir.streams.v1.Enrichment`.
    """

    name: str
    step: str
    kind: FieldKind = FieldKind.TEXT
    is_source: bool = True


ENRICHED_FIELDS = (
    EnrichedField("country", step="country"),
    EnrichedField("device_type", step="user_agent"),
    EnrichedField("os", step="user_agent"),
    EnrichedField("browser", step="user_agent"),
    EnrichedField("os_version", step="user_agent"),
    EnrichedField("browser_version", step="user_agent"),
    EnrichedField("device_brand", step="user_agent"),
    EnrichedField("device_model", step="user_agent"),
    EnrichedField("session_started_at", step="session", kind=FieldKind.TIME, is_source=False),
)
# By the name of a source, the field that it reads.
ENRICHED_SOURCES = {field.name: field for field in ENRICHED_FIELDS if field.is_source}
# In the order in which they run; what a catalog without a section `enrichment` switches on.
ENRICHMENT_STEPS = tuple(dict.fromkeys(field.step for field in ENRICHED_FIELDS))
