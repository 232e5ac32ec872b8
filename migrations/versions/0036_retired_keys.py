"""Keys of people that seal nothing any more, and still open what they have sealed: while the erasure of their
person is under way (ADR 51)."""

from alembic import op

revision = "0036_retired_keys"
down_revision = "0042_wrapping_keys"
branch_labels = None
depends_on = None

_STATEMENTS = (
    "ALTER TABLE privacy.subject_keys ADD COLUMN retired_at timestamptz",
    # A destroyed key seals nothing either.
    "ALTER TABLE privacy.subject_keys DISABLE TRIGGER destroyed_for_good",
    "UPDATE privacy.subject_keys SET retired_at = destroyed_at WHERE destroyed_at IS NOT NULL",
    "ALTER TABLE privacy.subject_keys ENABLE TRIGGER destroyed_for_good",
    """
    ALTER TABLE privacy.subject_keys ADD CONSTRAINT ck_subject_keys_retired
        CHECK (destroyed_at IS NULL OR retired_at IS NOT NULL)
    """,
    "DROP INDEX privacy.uq_subject_keys_in_use",
    """
    CREATE UNIQUE INDEX uq_subject_keys_in_use ON privacy.subject_keys (app_id, person)
        WHERE retired_at IS NULL
    """,
    "DROP INDEX privacy.ix_subject_keys_destroyed",
    """
    CREATE INDEX ix_subject_keys_retired ON privacy.subject_keys (app_id, person, retired_at)
        WHERE retired_at IS NOT NULL
    """,
    "GRANT UPDATE (retired_at) ON privacy.subject_keys TO weir_privacy",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
