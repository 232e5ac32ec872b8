"""Ingest: the dead letters."""

from alembic import op

revision = "0001_ingest"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE SCHEMA ingest")
    op.execute(
        """
        CREATE TABLE ingest.dead_letters (
            dead_letter_id uuid NOT NULL,
            received_at timestamptz NOT NULL,
            app_id text NOT NULL,
            stage text NOT NULL,
            reason text NOT NULL,
            field text NOT NULL,
            message text NOT NULL,
            event_id text NOT NULL,
            name text NOT NULL,
            subject_id text,
            event bytea NOT NULL,
            CONSTRAINT pk_dead_letters PRIMARY KEY (dead_letter_id)
        )
        """
    )
    op.execute(
        "CREATE INDEX ix_dead_letters_app_id_received_at"
        " ON ingest.dead_letters (app_id, received_at)"
    )
