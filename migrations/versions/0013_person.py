"""Enrich: whom an event is about, for all numbers, and indexes that have it with them."""

from alembic import op

revision = "0013_person"
down_revision = "0012_measure_kinds"
branch_labels = None
depends_on = None

# Existing rows get their person from the job `enrich.fill_person`, which has the key of the pseudonyms.
INDEXES = (
    "CREATE INDEX ix_events_without_person ON enrich.events (app_id, subject_id, occurred_at)"
    " WHERE person IS NULL AND (subject_id IS NOT NULL OR anonymous_id IS NOT NULL)",
    "DROP INDEX enrich.ix_events_app_id_name_occurred_at",
    "CREATE INDEX ix_events_app_id_name_occurred_at ON enrich.events (app_id, name, occurred_at)"
    " INCLUDE (person)",
    "DROP INDEX enrich.ix_events_app_id_subject_id_occurred_at",
    "CREATE INDEX ix_events_app_id_person_occurred_at ON enrich.events (app_id, person, occurred_at)"
    " INCLUDE (name) WHERE person IS NOT NULL",
)
# A partitioned table has no such setting of its own: enrich gives it to the leaves that it makes.
VACUUM_EARLY = """
DO $$
DECLARE leaf regclass;
BEGIN
    FOR leaf IN SELECT relid FROM pg_partition_tree('enrich.events') WHERE isleaf LOOP
        EXECUTE format('ALTER TABLE %s SET (autovacuum_vacuum_insert_scale_factor = 0.05)', leaf);
    END LOOP;
END
$$
"""


def upgrade() -> None:
    op.execute("ALTER TABLE enrich.events ADD COLUMN IF NOT EXISTS person uuid")
    for statement in INDEXES:
        op.execute(statement)
    op.execute(VACUUM_EARLY)
