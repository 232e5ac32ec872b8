"""Aggregate may read the stored events, and which batches are stored, to recount rollups."""

from alembic import op

revision = "0009_read_by_aggregate"
down_revision = "0008_jobs"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Not GRANT weir_read TO weir_aggregate: a service's role is no member of another.
    op.execute("GRANT USAGE ON SCHEMA enrich TO weir_aggregate")
    op.execute("GRANT SELECT ON enrich.events, enrich.batches TO weir_aggregate")
