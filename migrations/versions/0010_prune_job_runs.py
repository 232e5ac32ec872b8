"""Aggregate, which serves the journal of jobs, may delete old runs of all services."""

from alembic import op

revision = "0010_prune_job_runs"
down_revision = "0009_read_by_aggregate"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("GRANT DELETE ON jobs.runs TO weir_aggregate")
