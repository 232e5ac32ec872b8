"""Requests about a person: privacy's journal of them, and what each service needs to erase one (ADR 49)."""

from alembic import op

revision = "0030_subject_requests"
down_revision = "0029_audit_pruning"
branch_labels = None
depends_on = None

_SERVICES = ("ingest", "enrich", "aggregate")
_STATEMENTS = (
    # `subject` is the pseudonym; `subject_id` leaves with everything else about the person.
    """
    CREATE TABLE privacy.subject_requests (
        request_id uuid NOT NULL,
        app_id text NOT NULL,
        kind text NOT NULL,
        state text NOT NULL,
        subject text NOT NULL,
        subject_id text,
        categories text[] NOT NULL,
        parameters jsonb NOT NULL,
        requester text NOT NULL,
        created_at timestamptz NOT NULL,
        due_at timestamptz NOT NULL,
        fenced_at timestamptz,
        done_at timestamptz,
        expires_at timestamptz,
        steps jsonb NOT NULL,
        failure text NOT NULL,
        result jsonb,
        CONSTRAINT pk_subject_requests PRIMARY KEY (request_id)
    )
    """,
    """
    CREATE INDEX ix_subject_requests_app_id_created_at
        ON privacy.subject_requests (app_id, created_at, request_id)
    """,
    """
    CREATE INDEX ix_subject_requests_open ON privacy.subject_requests (due_at)
        WHERE state IN ('waiting', 'running')
    """,
    # Two open erasures of one person are the same one.
    """
    CREATE UNIQUE INDEX uq_subject_requests_open_erasure
        ON privacy.subject_requests (app_id, subject, categories)
        WHERE kind = 'erasure' AND state IN ('waiting', 'running')
    """,
    """
    CREATE TABLE privacy.subject_holds (
        app_id text NOT NULL,
        subject text NOT NULL,
        reason text NOT NULL,
        placed_by text NOT NULL,
        placed_at timestamptz NOT NULL,
        CONSTRAINT pk_subject_holds PRIMARY KEY (app_id, subject)
    )
    """,
    "GRANT SELECT, INSERT, UPDATE ON privacy.subject_requests TO weir_privacy",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON privacy.subject_holds TO weir_privacy",
    "GRANT DELETE ON privacy.consents, privacy.consent_history TO weir_privacy",
    # What the services have erased so far for a request, written with the deletions themselves.
    *(
        f"""
        CREATE TABLE {schema}.erasures (
            request_id uuid NOT NULL,
            position jsonb NOT NULL,
            stores jsonb NOT NULL,
            changed jsonb NOT NULL,
            CONSTRAINT pk_erasures PRIMARY KEY (request_id)
        )
        """
        for schema in _SERVICES
    ),
    *(
        f"GRANT SELECT, INSERT, UPDATE ON {schema}.erasures TO weir_{schema}"
        for schema in _SERVICES
    ),
    # Until when nothing of a person is stored any more.
    *(
        f"""
        CREATE TABLE {schema}.fences (
            app_id text NOT NULL,
            person uuid NOT NULL,
            fenced_at timestamptz NOT NULL,
            CONSTRAINT pk_fences PRIMARY KEY (app_id, person)
        )
        """
        for schema in ("ingest", "enrich")
    ),
    "GRANT SELECT, INSERT, UPDATE ON ingest.fences TO weir_ingest",
    "GRANT SELECT, INSERT, UPDATE ON enrich.fences TO weir_enrich",
    # Grows with each fence: processes that store notice that they have to look again.
    """
    CREATE TABLE enrich.fence_epoch (
        singleton boolean NOT NULL DEFAULT true,
        epoch bigint NOT NULL,
        CONSTRAINT pk_fence_epoch PRIMARY KEY (singleton),
        CONSTRAINT ck_fence_epoch_singleton CHECK (singleton)
    )
    """,
    "INSERT INTO enrich.fence_epoch (epoch) VALUES (0)",
    "GRANT SELECT, UPDATE ON enrich.fence_epoch TO weir_enrich",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
