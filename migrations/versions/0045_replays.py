"""Replays of dead letters, and how far they are."""

from alembic import op

revision = "0045_replays"
down_revision = "0036_retired_keys"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE ingest.replays (
            app_id text NOT NULL,
            request_id uuid NOT NULL,
            selection jsonb NOT NULL,
            dry_run boolean NOT NULL,
            events_per_second integer NOT NULL,
            max_rejected_share double precision NOT NULL,
            requested_by text NOT NULL,
            requested_at timestamptz NOT NULL,
            state text NOT NULL DEFAULT 'running',
            stopped_because text NOT NULL DEFAULT '',
            next_at timestamptz NOT NULL DEFAULT now(),
            finished_at timestamptz,
            position jsonb,
            counts jsonb NOT NULL DEFAULT '{}',
            rejected_now jsonb NOT NULL DEFAULT '{}',
            CONSTRAINT pk_replays PRIMARY KEY (app_id, request_id)
        )
        """
    )
    op.execute(
        "CREATE INDEX ix_replays_next_at ON ingest.replays (next_at) WHERE finished_at IS NULL"
    )
    op.execute("GRANT SELECT, INSERT, UPDATE ON ingest.replays TO weir_ingest")
    # A letter whose event is rejected again has the reason of then.
    op.execute("GRANT UPDATE ON ingest.dead_letters TO weir_ingest")
