"""What of the audit trail is past its limit may be deleted, behind a signed checkpoint (ADR 48)."""

from alembic import op

revision = "0029_audit_pruning"
down_revision = "0028_archive"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The last entry that was deleted: what is left of the chain begins behind it.
    op.execute(
        """
        CREATE TABLE privacy.audit_checkpoints (
            app_id text NOT NULL,
            sequence bigint NOT NULL,
            hash bytea NOT NULL,
            signature bytea NOT NULL,
            CONSTRAINT pk_audit_checkpoints PRIMARY KEY (app_id)
        )
        """
    )
    op.execute("GRANT SELECT, INSERT, UPDATE ON privacy.audit_checkpoints TO weir_privacy")
    # The trigger asks for `SET LOCAL weir.audit_pruning = 'on'` besides.
    op.execute("GRANT DELETE ON privacy.audit_entries TO weir_privacy")
    # Privacy has jobs from now on.
    op.execute("GRANT USAGE ON SCHEMA jobs TO weir_privacy")
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON jobs.jobs TO weir_privacy")
    op.execute("GRANT SELECT, INSERT, UPDATE ON jobs.runs TO weir_privacy")
