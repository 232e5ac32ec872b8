"""Dead letters say for how many days their event asks to be kept at most."""

from alembic import op

revision = "0054_kept_letters"
down_revision = "0053_no_statistics_of_people"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE ingest.dead_letters ADD COLUMN kept_days integer")
