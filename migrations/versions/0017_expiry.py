"""Cells expire, and results that are out of date are written again."""

from alembic import op

revision = "0017_expiry"
down_revision = "0016_adopted_rollups"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE aggregate.rollups ADD COLUMN retired_at timestamptz")
    op.execute("ALTER TABLE aggregate.results ADD COLUMN inputs numeric")
    op.execute("GRANT DELETE ON aggregate.rollups, aggregate.results TO weir_aggregate")
