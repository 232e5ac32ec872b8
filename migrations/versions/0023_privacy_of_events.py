"""Enrich: what the sender of an event said of its privacy, and that no address is stored as it came."""

from alembic import op

revision = "0023_privacy_of_events"
down_revision = "0022_expiring_letters"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # No row is written again: what older releases stored said nothing, and its addresses are truncated too.
    op.execute(
        """
        ALTER TABLE enrich.events
            ADD COLUMN privacy_level text,
            ADD COLUMN consent_given boolean,
            ADD COLUMN ip_anonymized boolean NOT NULL DEFAULT true
        """
    )
