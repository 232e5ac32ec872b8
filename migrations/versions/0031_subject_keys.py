"""The keys of people, wrapped, by which marked properties are sealed (ADR 51)."""

from alembic import op

revision = "0031_subject_keys"
down_revision = "0030_subject_requests"
branch_labels = None
depends_on = None

_STATEMENTS = (
    # A destroyed key is NULL, and its row stays: no key is made for what occurred before. Old versions of
    # rows are removed from the file as soon as autovacuum comes by, because they hold what was destroyed.
    """
    CREATE TABLE privacy.subject_keys (
        key_id uuid NOT NULL,
        app_id text NOT NULL,
        person uuid NOT NULL,
        wrapped_key bytea,
        wrapping_key_id text,
        created_at timestamptz NOT NULL DEFAULT now(),
        destroyed_at timestamptz,
        CONSTRAINT pk_subject_keys PRIMARY KEY (key_id),
        CONSTRAINT ck_subject_keys_destroyed CHECK (
            num_nulls(wrapped_key, wrapping_key_id) = CASE WHEN destroyed_at IS NULL THEN 0 ELSE 2 END
        )
    ) WITH (autovacuum_vacuum_threshold = 0, autovacuum_vacuum_scale_factor = 0)
    """,
    """
    CREATE UNIQUE INDEX uq_subject_keys_in_use ON privacy.subject_keys (app_id, person)
        WHERE destroyed_at IS NULL
    """,
    """
    CREATE INDEX ix_subject_keys_destroyed ON privacy.subject_keys (app_id, person, destroyed_at)
        WHERE destroyed_at IS NOT NULL
    """,
    """
    CREATE INDEX ix_subject_keys_wrapping ON privacy.subject_keys (wrapping_key_id)
        WHERE destroyed_at IS NULL
    """,
    # For everybody, the owner as well: not even by mistake does a destroyed key come back.
    """
    CREATE FUNCTION privacy.refuse_key_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'a key in privacy.subject_keys that is destroyed stays so'
            USING ERRCODE = 'insufficient_privilege';
    END
    $$
    """,
    """
    CREATE TRIGGER destroyed_for_good
        BEFORE UPDATE OR DELETE ON privacy.subject_keys
        FOR EACH ROW WHEN (OLD.destroyed_at IS NOT NULL)
        EXECUTE FUNCTION privacy.refuse_key_change()
    """,
    "GRANT SELECT, INSERT ON privacy.subject_keys TO weir_privacy",
    "GRANT UPDATE (wrapped_key, wrapping_key_id, destroyed_at) ON privacy.subject_keys TO weir_privacy",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
