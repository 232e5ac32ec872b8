"""Since when each wrapping key is in use, for its rotation."""

from alembic import op

revision = "0042_wrapping_keys"
down_revision = "0034_kept_keys"
branch_labels = None
depends_on = None

_STATEMENTS = (
    """
    CREATE TABLE privacy.wrapping_keys (
        wrapping_key_id text NOT NULL,
        used_since timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT pk_wrapping_keys PRIMARY KEY (wrapping_key_id)
    )
    """,
    # For those that there are: not later than they were used first.
    """
    INSERT INTO privacy.wrapping_keys (wrapping_key_id, used_since)
    SELECT wrapping_key_id, min(created_at) FROM privacy.subject_keys
    WHERE wrapping_key_id IS NOT NULL GROUP BY wrapping_key_id
    """,
    "GRANT SELECT, INSERT ON privacy.wrapping_keys TO weir_privacy",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
