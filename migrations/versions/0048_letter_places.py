"""Dead letters are read in the order of their index: in apps that keep the day alone, all of a day have one
`received_at`, so a page sorted them all."""

from alembic import op

revision = "0048_letter_places"
down_revision = "0047_missing_fences"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "CREATE INDEX ix_dead_letters_app_id_received_at_dead_letter_id"
        " ON ingest.dead_letters (app_id, received_at, dead_letter_id)"
    )
    op.execute("DROP INDEX ingest.ix_dead_letters_app_id_received_at")
