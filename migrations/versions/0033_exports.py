"""The files of exports: where they are, and until when (ADR 50)."""

from alembic import op

revision = "0033_exports"
down_revision = "0032_archive_erasures"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # A row is there before its file, so that none is forgotten; `person` is a pseudonym.
    op.execute(
        """
        CREATE TABLE privacy.exports (
            request_id uuid NOT NULL,
            app_id text NOT NULL,
            person text NOT NULL,
            object_key text NOT NULL,
            bytes bigint,
            sha256 text,
            rows jsonb,
            expires_at timestamptz,
            unwanted_by uuid,
            removed_at timestamptz,
            CONSTRAINT pk_exports PRIMARY KEY (request_id)
        )
        """
    )
    op.execute("CREATE INDEX ix_exports_app_id_person ON privacy.exports (app_id, person)")
    op.execute("GRANT SELECT, INSERT, UPDATE ON privacy.exports TO weir_privacy")
