"""What jobs of catalogs write down: the cells of a period as they were when it had ended."""

from alembic import op

revision = "0011_results"
down_revision = "0010_prune_job_runs"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE aggregate.results (
            app_id text NOT NULL,
            job text NOT NULL,
            period_start timestamptz NOT NULL,
            period_end timestamptz NOT NULL,
            watermark timestamptz,
            is_final boolean NOT NULL,
            cells bigint NOT NULL,
            revision integer NOT NULL,
            calculated_at timestamptz NOT NULL,
            CONSTRAINT pk_results PRIMARY KEY (app_id, job, period_start)
        )
        """
    )
    op.execute(
        """
        CREATE TABLE aggregate.result_cells (
            app_id text NOT NULL,
            job text NOT NULL,
            period_start timestamptz NOT NULL,
            rollup text NOT NULL,
            bucket timestamptz NOT NULL,
            cell_id uuid NOT NULL,
            dimensions jsonb NOT NULL,
            metrics jsonb NOT NULL,
            CONSTRAINT pk_result_cells
                PRIMARY KEY (app_id, job, period_start, rollup, bucket, cell_id)
        )
        """
    )
    op.execute(
        "CREATE INDEX ix_results_unsettled ON aggregate.results (period_end) WHERE NOT is_final"
    )
    op.execute("GRANT SELECT, INSERT, UPDATE ON aggregate.results TO weir_aggregate")
    op.execute("GRANT SELECT, INSERT, DELETE ON aggregate.result_cells TO weir_aggregate")
