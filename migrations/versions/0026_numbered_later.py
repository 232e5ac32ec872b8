"""Changes of consent are numbered after they are committed, by one process at a time (ADR 45)."""

from alembic import op

revision = "0026_numbered_later"
down_revision = "0025_consent_changes"
branch_labels = None
depends_on = None

_RECORDED = (
    "app_id, subject_id, version, purpose, granted, status, actor, actor_role, method, source,"
    " notice_version, recorded_at, expires_at, age_band"
)


def upgrade() -> None:
    op.execute(
        """
        CREATE INDEX ix_consent_history_unnumbered ON privacy.consent_history (app_id, version)
            WHERE change_number IS NULL
        """
    )
    # What was recorded stays append-only, and a number is given once.
    op.execute("DROP TRIGGER append_only ON privacy.consent_history")
    op.execute(
        f"""
        CREATE TRIGGER append_only
            BEFORE UPDATE OF {_RECORDED} OR DELETE OR TRUNCATE ON privacy.consent_history
            FOR EACH STATEMENT EXECUTE FUNCTION privacy.refuse_history_change()
        """
    )
    op.execute(
        """
        CREATE TRIGGER numbered_once
            AFTER UPDATE OF change_number ON privacy.consent_history
            FOR EACH ROW WHEN (OLD.change_number IS NOT NULL)
            EXECUTE FUNCTION privacy.refuse_history_change()
        """
    )
    op.execute("GRANT UPDATE (change_number) ON privacy.consent_history TO weir_privacy")
