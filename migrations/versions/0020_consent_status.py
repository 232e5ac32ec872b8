"""Consent: withdrawn and objected told from denied, the end of a grant, and from where and in which role."""

from alembic import op

revision = "0020_consent_status"
down_revision = "0019_report_views"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # No status: recorded before, or by the release before, which knows only what `granted` says. The history
    # is proof and is not rewritten, so a withdrawal of then is called a denial.
    op.execute(
        """
        ALTER TABLE privacy.consents
            ADD COLUMN status text,
            ADD COLUMN expires_at timestamptz
        """
    )
    op.execute(
        """
        ALTER TABLE privacy.consent_history
            ADD COLUMN status text,
            ADD COLUMN expires_at timestamptz,
            ADD COLUMN source text NOT NULL DEFAULT '',
            ADD COLUMN actor_role text NOT NULL DEFAULT ''
        """
    )
