"""Ingest may delete dead letters: those that are past their limit."""

from alembic import op

revision = "0022_expiring_letters"
down_revision = "0021_audit"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("GRANT DELETE ON ingest.dead_letters TO weir_ingest")
