"""Postgres' statistics keep no values of columns with ids of people or free text (ADR 67)."""

from alembic import op

revision = "0053_no_statistics_of_people"
down_revision = "0052_expiring_replays"
branch_labels = None
depends_on = None

COLUMNS = {
    "ingest.dead_letters": "field message event_id name subject_id event",
    "ingest.replays": "selection requested_by",
    # And of its partitions.
    "enrich.events": (
        "producer environment event_id subject_id anonymous_id session_id group_id entity_type entity_id"
        " request_id context attribution properties country device_type device_brand device_model os"
        " os_version browser browser_version"
    ),
    "aggregate.cells": "dimensions",
    "aggregate.made_cells": "dimensions",
    "aggregate.measures": "bins first_number last_number",
    "aggregate.members": "member",
    "aggregate.result_cells": "dimensions metrics",
    "privacy.consents": "subject_id",
    "privacy.consent_history": "subject_id actor method notice_version source",
    "privacy.audit_entries": "actor request_id trace_id details previous_hash hash",
    "privacy.subject_keys": "wrapped_key",
    "privacy.subject_requests": "subject_id parameters requester steps failure result",
    "privacy.subject_holds": "reason placed_by",
    "privacy.exports": "object_key rows",
    "jobs.runs": "error_message",
}
# What was kept before; of PostgreSQL 16 and 17 a superuser removes it (docs/operations.md).
CLEAR = """
DO $$
DECLARE
    kept record;
BEGIN
    IF current_setting('server_version_num')::integer < 180000 THEN
        RETURN;
    END IF;
    FOR kept IN
        SELECT schemaname, tablename, pg_stats.attname, inherited FROM pg_stats
        JOIN pg_attribute ON attrelid = format('%I.%I', schemaname, tablename)::regclass
            AND pg_attribute.attname = pg_stats.attname
        WHERE schemaname IN ('ingest', 'enrich', 'aggregate', 'privacy', 'jobs')
            AND attstattarget = 0
    LOOP
        PERFORM pg_clear_attribute_stats(
            kept.schemaname, kept.tablename, kept.attname, kept.inherited);
    END LOOP;
END
$$
"""


def upgrade() -> None:
    for table, names in COLUMNS.items():
        changes = ", ".join(f"ALTER COLUMN {name} SET STATISTICS 0" for name in names.split())
        op.execute(f"ALTER TABLE {table} {changes}")
    op.execute(CLEAR)
