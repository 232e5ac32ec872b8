"""The newest fence of an app is found without reading the others (ADR 56)."""

from alembic import op

revision = "0046_newest_fences"
down_revision = "0045_replays"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "CREATE INDEX ix_fences_app_id_in_force_from ON aggregate.fences (app_id, in_force_from)"
    )
