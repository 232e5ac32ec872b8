"""Consent of minors: age bands, and grants of guardians."""

from alembic import op

revision = "0024_age_bands"
down_revision = "0023_privacy_of_events"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The row with an empty purpose is about the person's age band.
    op.execute(
        """
        ALTER TABLE privacy.consents
            ADD COLUMN by_guardian boolean NOT NULL DEFAULT false,
            ADD COLUMN age_band text
        """
    )
    op.execute("ALTER TABLE privacy.consent_history ADD COLUMN age_band text")
