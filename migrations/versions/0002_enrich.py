"""Enrich: the events, partitioned by retention class and then by time, and the batches stored."""

from alembic import op

revision = "0002_enrich"
down_revision = "0001_ingest"
branch_labels = None
depends_on = None

RETENTION_CLASSES = ("1d", "7d", "30d", "90d", "1y", "2y", "3y", "7y", "10y", "keep")


def upgrade() -> None:
    op.execute("CREATE SCHEMA enrich")
    op.execute(
        """
        CREATE TABLE enrich.events (
            event_uuid uuid NOT NULL,
            occurred_at timestamptz NOT NULL,
            received_at timestamptz NOT NULL,
            session_started_at timestamptz,
            app_id text NOT NULL,
            retention_class text NOT NULL,
            name text NOT NULL,
            schema_version text NOT NULL,
            producer text NOT NULL,
            environment text NOT NULL,
            event_id text,
            subject_id text,
            anonymous_id text,
            session_id text,
            group_id text,
            entity_type text,
            entity_id text,
            request_id text,
            country text,
            device_type text,
            os text,
            browser text,
            context jsonb,
            attribution jsonb,
            properties jsonb NOT NULL,
            CONSTRAINT uq_events UNIQUE (event_uuid, occurred_at, app_id, retention_class)
        ) PARTITION BY LIST (retention_class)
        """
    )
    for column in ("name", "subject_id", "group_id"):
        condition = "" if column == "name" else f" WHERE {column} IS NOT NULL"
        op.execute(
            f"CREATE INDEX ix_events_app_id_{column}_occurred_at"
            f" ON enrich.events (app_id, {column}, occurred_at){condition}"
        )
    for name in RETENTION_CLASSES:
        op.execute(
            f"CREATE TABLE enrich.events_{name} PARTITION OF enrich.events"
            f" FOR VALUES IN ('{name}') PARTITION BY RANGE (occurred_at)"
        )
    op.execute(
        """
        CREATE TABLE enrich.batches (
            batch_id uuid NOT NULL,
            stored_at timestamptz NOT NULL DEFAULT now(),
            skipped integer[] NOT NULL,
            CONSTRAINT pk_batches PRIMARY KEY (batch_id)
        )
        """
    )
