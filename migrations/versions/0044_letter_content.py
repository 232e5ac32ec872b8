"""Dead letters say how much they hold of their events, which decides whether they can be replayed."""

from alembic import op

revision = "0044_letter_content"
down_revision = "0038_fences_of_counting"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Empty for those that there are, and for those of the release before.
    op.execute("ALTER TABLE ingest.dead_letters ADD COLUMN content text NOT NULL DEFAULT ''")
