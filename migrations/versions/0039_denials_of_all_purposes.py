"""What is kept of an erased person is a "no" to every purpose, also to later ones (ADR 56)."""

from alembic import op

revision = "0039_denials_of_all_purposes"
down_revision = "0040_restricted_people"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Of erasures before this release, of which the purposes are listed that they had.
    op.execute(
        """
        INSERT INTO privacy.consents
            (app_id, subject_id, purpose, granted, version, recorded_at, status)
        SELECT app_id, subject_id, '#', false, max(version), max(recorded_at), 'withdrawn'
        FROM privacy.consents WHERE ascii(subject_id) = 1
        GROUP BY app_id, subject_id
        ON CONFLICT DO NOTHING
        """
    )
