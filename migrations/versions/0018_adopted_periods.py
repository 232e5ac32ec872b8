"""Processes with another catalog count nothing into a rollup, and say which of its buckets to recount."""

from alembic import op

revision = "0018_adopted_periods"
down_revision = "0017_expiry"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # What is adopted already gets its period, and no recount, when the first process compares.
    op.execute("ALTER TABLE aggregate.rollups ADD COLUMN period text NOT NULL DEFAULT 'hour'")
    op.execute("ALTER TABLE aggregate.rollups ALTER COLUMN period DROP DEFAULT")
    op.execute("ALTER TABLE aggregate.rollups DROP COLUMN is_settled")
