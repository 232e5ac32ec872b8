"""Fences of aggregate: what is put back from quarantine after an erasure is not counted (ADR 56)."""

from alembic import op

revision = "0038_fences_of_counting"
down_revision = "0033_exports"
branch_labels = None
depends_on = None

_STATEMENTS = (
    # `in_force_from`: what ingest received later came to the fence of enrich.
    """
    CREATE TABLE aggregate.fences (
        app_id text NOT NULL,
        person uuid NOT NULL,
        fenced_at timestamptz NOT NULL,
        in_force_from timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT pk_fences PRIMARY KEY (app_id, person)
    )
    """,
    # Of erasures before this release.
    """
    INSERT INTO aggregate.fences (app_id, person, fenced_at)
    SELECT app_id, person, fenced_at FROM enrich.fences
    """,
    "GRANT SELECT, INSERT, UPDATE ON aggregate.fences TO weir_aggregate",
    "UPDATE aggregate.recount_epoch SET epoch = epoch + 1",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
