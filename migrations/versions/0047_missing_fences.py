"""Fences of erasures since 0038 while an aggregate ran that sets none (ADR 56)."""

from alembic import op

revision = "0047_missing_fences"
down_revision = "0046_newest_fences"
branch_labels = None
depends_on = None

_STATEMENTS = (
    """
    INSERT INTO aggregate.fences AS known (app_id, person, fenced_at)
    SELECT app_id, person, fenced_at FROM enrich.fences
    ON CONFLICT (app_id, person) DO UPDATE SET fenced_at = excluded.fenced_at, in_force_from = now()
        WHERE known.fenced_at < excluded.fenced_at
    """,
    "UPDATE aggregate.recount_epoch SET epoch = epoch + 1",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
