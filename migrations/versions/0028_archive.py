"""The journal of the archive: which files hold which events, none of which is in the database any more."""

from alembic import op

revision = "0028_archive"
down_revision = "0027_retention_runs"
branch_labels = None
depends_on = None

_STATEMENTS = (
    """
    CREATE TABLE enrich.archive_files (
        file_id uuid NOT NULL,
        app_id text NOT NULL,
        day date NOT NULL,
        state text NOT NULL,
        archived_at timestamptz,
        events bigint,
        digest numeric,
        names jsonb,
        first_at timestamptz,
        last_at timestamptz,
        size_bytes bigint,
        sha256 text,
        CONSTRAINT pk_archive_files PRIMARY KEY (file_id),
        CONSTRAINT ck_archive_files_state
            CHECK (state IN ('writing', 'taken', 'published', 'leaving')),
        CONSTRAINT ck_archive_files_facts CHECK (
            state = 'writing' OR num_nulls(archived_at, events, digest, names, first_at, last_at,
                size_bytes, sha256) = 0
        )
    )
    """,
    "CREATE INDEX ix_archive_files_app_id_day ON enrich.archive_files (app_id, day)",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON enrich.archive_files TO weir_enrich",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
