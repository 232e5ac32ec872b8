"""Keys of erased people that stay say since when; they go when nothing is left of what they open (ADR 51)."""

from alembic import op

revision = "0034_kept_keys"
down_revision = "0039_denials_of_all_purposes"
branch_labels = None
depends_on = None

_STATEMENTS = (
    "ALTER TABLE privacy.subject_keys ADD COLUMN kept_since timestamptz",
    """
    CREATE INDEX ix_subject_keys_kept ON privacy.subject_keys (key_id)
        WHERE kept_since IS NOT NULL AND destroyed_at IS NULL
    """,
    "GRANT UPDATE (kept_since) ON privacy.subject_keys TO weir_privacy",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
