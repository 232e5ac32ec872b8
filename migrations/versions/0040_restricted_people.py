"""An index of the people whose data are restricted (ADR 57): every read of events asks for them."""

from alembic import op

revision = "0040_restricted_people"
down_revision = "0044_letter_content"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE INDEX ix_consents_restricted ON privacy.consents (app_id, subject_id)
            WHERE purpose = '*' AND status = 'restricted'
        """
    )
