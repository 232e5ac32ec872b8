"""By which definition each rollup is counted."""

from alembic import op

revision = "0016_adopted_rollups"
down_revision = "0015_recounts"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE aggregate.rollups (
            app_id text NOT NULL,
            rollup text NOT NULL,
            shape bytea NOT NULL,
            events text[] NOT NULL,
            adopted_at timestamptz NOT NULL,
            pending text[],
            is_settled boolean NOT NULL,
            CONSTRAINT pk_rollups PRIMARY KEY (app_id, rollup)
        )
        """
    )
    op.execute("GRANT SELECT, INSERT, UPDATE ON aggregate.rollups TO weir_aggregate")
