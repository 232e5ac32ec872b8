"""Where behaviour queries could read: which indexes and tables there are, and how they are made."""

from collections.abc import Sequence
from dataclasses import dataclass

EVENTS = "enrich.events"
# Kept by whichever layout: these two replace each other.
NAME_INDEX = "ix_events_app_id_name_occurred_at"
SUBJECT_INDEX = "ix_events_app_id_subject_id_occurred_at"
NARROW = "bench.behaviour"


@dataclass(frozen=True, slots=True)
class Layout:
    """Statements that make a layout out of the table with its unique key alone, and those that end it;
    `table` and its column `person` are what behaviour queries read."""

    name: str
    make: Sequence[str]
    drop: Sequence[str]
    table: str = EVENTS
    person: str = "subject_id"


def _include(columns: str) -> str:
    return f" INCLUDE ({columns})" if columns else ""


def indexes(table: str, *, names: str = "", people: str = "") -> Sequence[str]:
    """The two indexes of `enrich.events` that behaviour queries can use, on a table of its columns, with what
    each of them is to INCLUDE."""
    return (
        f"CREATE INDEX {NAME_INDEX} ON {table} (app_id, name, occurred_at)" + _include(names),
        f"CREATE INDEX {SUBJECT_INDEX} ON {table} (app_id, subject_id, occurred_at)"
        + _include(people)
        + " WHERE subject_id IS NOT NULL",
    )


# Also when a run was interrupted in another layout.
_DROP = tuple(f"DROP INDEX IF EXISTS enrich.{name}" for name in (NAME_INDEX, SUBJECT_INDEX))
EXISTING = Layout("existing", indexes(EVENTS), _DROP)
COVERING = Layout("covering", indexes(EVENTS, names="subject_id", people="name"), _DROP)
BEHAVIOUR = Layout(
    "narrow",
    (
        "CREATE SCHEMA bench",
        f"CREATE TABLE {NARROW} (app_id text NOT NULL, person uuid NOT NULL,"
        " occurred_at timestamptz NOT NULL, name text NOT NULL)",
        # The pseudonym would be as wide and as random.
        f"INSERT INTO {NARROW} SELECT app_id, md5(subject_id)::uuid, occurred_at, name FROM {EVENTS}"
        " WHERE subject_id IS NOT NULL",
        f"CREATE INDEX ON {NARROW} (app_id, name, occurred_at) INCLUDE (person)",
        f"CREATE INDEX ON {NARROW} (app_id, person, occurred_at) INCLUDE (name)",
        f"VACUUM (ANALYZE) {NARROW}",
    ),
    ("DROP SCHEMA IF EXISTS bench CASCADE",),
    NARROW,
    "person",
)
