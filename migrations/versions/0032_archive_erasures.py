"""What erasures did in the files of the archive: which they have looked at, and how many events went."""

from alembic import op

revision = "0032_archive_erasures"
down_revision = "0031_subject_keys"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        CREATE TABLE enrich.archive_erasures (
            request_id uuid NOT NULL,
            file_id uuid NOT NULL,
            erased bigint NOT NULL,
            anonymized bigint NOT NULL,
            withheld bigint NOT NULL,
            CONSTRAINT pk_archive_erasures PRIMARY KEY (request_id, file_id)
        )
    """)
    op.execute("GRANT SELECT, INSERT ON enrich.archive_erasures TO weir_enrich")
