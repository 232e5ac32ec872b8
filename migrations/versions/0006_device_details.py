"""Enrich: versions of system and browser, brand and model of the device."""

from alembic import op

revision = "0006_device_details"
down_revision = "0005_default_partitions"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        ALTER TABLE enrich.events
            ADD COLUMN os_version text,
            ADD COLUMN browser_version text,
            ADD COLUMN device_brand text,
            ADD COLUMN device_model text
        """
    )
