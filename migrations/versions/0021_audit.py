"""The audit trail: append-only, chained by hashes with a key that the database does not have (ADR 46)."""

from alembic import op

revision = "0021_audit"
down_revision = "0020_consent_status"
branch_labels = None
depends_on = None

_CONTENT = (
    "app_id, entry_id, occurred_at, actor, action, subject, purpose, outcome, request_id, trace_id,"
    " details"
)
_STATEMENTS = (
    # `sequence`, `previous_hash` and `hash` are NULL until the entry is chained, which happens once.
    """
    CREATE TABLE privacy.audit_entries (
        app_id text NOT NULL,
        occurred_at timestamptz NOT NULL,
        entry_id uuid NOT NULL,
        actor text NOT NULL,
        action text NOT NULL,
        subject text NOT NULL,
        purpose text NOT NULL,
        outcome text NOT NULL,
        request_id text NOT NULL,
        trace_id text NOT NULL,
        details jsonb NOT NULL,
        sequence bigint,
        previous_hash bytea,
        hash bytea,
        CONSTRAINT pk_audit_entries PRIMARY KEY (app_id, occurred_at, entry_id),
        CONSTRAINT ck_audit_entries_chained
            CHECK (num_nulls(sequence, previous_hash, hash) IN (0, 3))
    )
    """,
    """
    CREATE UNIQUE INDEX uq_audit_entries_sequence ON privacy.audit_entries (app_id, sequence)
        WHERE sequence IS NOT NULL
    """,
    """
    CREATE INDEX ix_audit_entries_unchained ON privacy.audit_entries (app_id, occurred_at, entry_id)
        WHERE sequence IS NULL
    """,
    """
    CREATE INDEX ix_audit_entries_subject ON privacy.audit_entries (app_id, subject, occurred_at)
        WHERE subject <> ''
    """,
    # The end of each app's chain, signed.
    """
    CREATE TABLE privacy.audit_heads (
        app_id text NOT NULL,
        sequence bigint NOT NULL,
        hash bytea NOT NULL,
        signature bytea NOT NULL,
        CONSTRAINT pk_audit_heads PRIMARY KEY (app_id)
    )
    """,
    # For everybody, the owner as well.
    """
    CREATE FUNCTION privacy.refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP <> 'DELETE' OR current_setting('weir.audit_pruning', true) IS DISTINCT FROM 'on' THEN
            RAISE EXCEPTION 'privacy.audit_entries is append-only'
                USING ERRCODE = 'insufficient_privilege';
        END IF;
        RETURN NULL;
    END
    $$
    """,
    f"""
    CREATE TRIGGER append_only
        BEFORE UPDATE OF {_CONTENT} OR DELETE OR TRUNCATE ON privacy.audit_entries
        FOR EACH STATEMENT EXECUTE FUNCTION privacy.refuse_audit_change()
    """,
    """
    CREATE TRIGGER chained_once
        BEFORE UPDATE ON privacy.audit_entries
        FOR EACH ROW WHEN (OLD.sequence IS NOT NULL)
        EXECUTE FUNCTION privacy.refuse_audit_change()
    """,
    "GRANT SELECT, INSERT ON privacy.audit_entries TO weir_privacy",
    "GRANT UPDATE (sequence, previous_hash, hash) ON privacy.audit_entries TO weir_privacy",
    "GRANT SELECT, INSERT, UPDATE ON privacy.audit_heads TO weir_privacy",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
