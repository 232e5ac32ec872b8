"""Aggregate may delete members: those that get another name."""

from alembic import op

revision = "0014_rename_members"
down_revision = "0013_person"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("GRANT DELETE ON aggregate.members TO weir_aggregate")
