"""Retention runs that were asked for."""

from alembic import op

revision = "0027_retention_runs"
down_revision = "0026_numbered_later"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The steps are the services' own, as their journals had them when they were last asked.
    op.execute(
        """
        CREATE TABLE privacy.retention_runs (
            request_id uuid NOT NULL,
            requested_by text NOT NULL,
            requested_at timestamptz NOT NULL,
            finished_at timestamptz,
            steps jsonb NOT NULL,
            waiting_because text NOT NULL,
            CONSTRAINT pk_retention_runs PRIMARY KEY (request_id)
        )
        """
    )
    op.execute(
        """
        CREATE INDEX ix_retention_runs_requested_at
            ON privacy.retention_runs (requested_at, request_id)
        """
    )
    op.execute("GRANT SELECT, INSERT, UPDATE ON privacy.retention_runs TO weir_privacy")
