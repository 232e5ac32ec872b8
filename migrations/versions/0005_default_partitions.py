"""Enrich: a default leaf for each retention class, so that every event has a place when it is stored.

Enrich itself makes the other leaves, and merges those that an older release made by the day.
"""

from alembic import op

revision = "0005_default_partitions"
down_revision = "0004_privacy"
branch_labels = None
depends_on = None

RETENTION_CLASSES = ("1d", "7d", "30d", "90d", "1y", "2y", "3y", "7y", "10y", "keep")


def upgrade() -> None:
    for name in RETENTION_CLASSES:
        op.execute(
            f"CREATE TABLE enrich.events_{name}_default (LIKE enrich.events_{name} INCLUDING ALL)"
        )
        # Unlike CREATE TABLE ... PARTITION OF, this lets others go on writing.
        op.execute(
            f"ALTER TABLE enrich.events_{name}"
            f" ATTACH PARTITION enrich.events_{name}_default DEFAULT"
        )
