"""Aggregate: which batches are counted, and what they add up to."""

from alembic import op

revision = "0003_aggregate"
down_revision = "0002_enrich"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE SCHEMA aggregate")
    # A batch whose id is here is counted, whatever the stream delivers again.
    op.execute(
        """
        CREATE TABLE aggregate.batches (
            batch_id uuid NOT NULL,
            applied_at timestamptz NOT NULL DEFAULT now(),
            events integer NOT NULL,
            CONSTRAINT pk_batches PRIMARY KEY (batch_id)
        )
        """
    )
    # The id is a hash of the other columns, so that a cell is found without reading it first.
    op.execute(
        """
        CREATE TABLE aggregate.cells (
            cell_id uuid NOT NULL,
            app_id text NOT NULL,
            rollup text NOT NULL,
            bucket timestamptz NOT NULL,
            dimensions jsonb NOT NULL,
            CONSTRAINT pk_cells PRIMARY KEY (cell_id)
        )
        """
    )
    op.execute(
        "CREATE INDEX ix_cells_app_id_rollup_bucket ON aggregate.cells (app_id, rollup, bucket)"
    )
    # Room on each page, so that an update stays on it and touches no index (HOT).
    op.execute(
        """
        CREATE TABLE aggregate.measures (
            cell_id uuid NOT NULL,
            metric text NOT NULL,
            count bigint NOT NULL,
            total numeric,
            minimum double precision,
            maximum double precision,
            version bigint NOT NULL,
            CONSTRAINT pk_measures PRIMARY KEY (cell_id, metric)
        ) WITH (fillfactor = 70)
        """
    )
    # Who was counted by the distinct metrics.
    op.execute(
        """
        CREATE TABLE aggregate.members (
            cell_id uuid NOT NULL,
            metric text NOT NULL,
            member text NOT NULL,
            CONSTRAINT pk_members PRIMARY KEY (cell_id, metric, member)
        )
        """
    )
