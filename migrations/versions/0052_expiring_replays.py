"""Ingest deletes replays that are past their limit."""

from alembic import op

revision = "0052_expiring_replays"
down_revision = "0048_letter_places"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("GRANT DELETE ON ingest.replays TO weir_ingest")
