"""Recounts of buckets while counting goes on (ADR 32)."""

from alembic import op

revision = "0015_recounts"
down_revision = "0014_rename_members"
branch_labels = None
depends_on = None

_STATEMENTS = (
    "ALTER TABLE aggregate.cells ADD COLUMN first_id uuid",
    # Marks of dirty buckets, and generations.
    "CREATE SEQUENCE aggregate.recount_numbers",
    """
    CREATE TABLE aggregate.recount_epoch (
        singleton boolean NOT NULL DEFAULT true,
        epoch bigint NOT NULL,
        CONSTRAINT pk_recount_epoch PRIMARY KEY (singleton),
        CONSTRAINT ck_recount_epoch_singleton CHECK (singleton)
    )
    """,
    "INSERT INTO aggregate.recount_epoch (epoch) VALUES (0)",
    """
    CREATE TABLE aggregate.buckets (
        app_id text NOT NULL,
        rollup text NOT NULL,
        bucket timestamptz NOT NULL,
        generation bigint NOT NULL DEFAULT 0,
        revision bigint NOT NULL DEFAULT 0,
        dirty_mark bigint,
        dirty_reason text,
        dirty_since timestamptz,
        CONSTRAINT pk_buckets PRIMARY KEY (app_id, rollup, bucket)
    )
    """,
    """
    CREATE INDEX ix_buckets_dirty ON aggregate.buckets (app_id, rollup, bucket)
        WHERE dirty_mark IS NOT NULL
    """,
    """
    CREATE TABLE aggregate.recounted_rollups (
        app_id text NOT NULL,
        rollup text NOT NULL,
        CONSTRAINT pk_recounted_rollups PRIMARY KEY (app_id, rollup)
    )
    """,
    """
    CREATE TABLE aggregate.recounts (
        generation bigint NOT NULL,
        rollup text NOT NULL,
        app_id text NOT NULL,
        first_bucket timestamptz NOT NULL,
        end_bucket timestamptz NOT NULL,
        CONSTRAINT pk_recounts PRIMARY KEY (generation, rollup)
    )
    """,
    """
    CREATE TABLE aggregate.covered_batches (
        batch_id uuid NOT NULL,
        generation bigint NOT NULL,
        CONSTRAINT pk_covered_batches PRIMARY KEY (batch_id, generation)
    )
    """,
    """
    CREATE TABLE aggregate.made_cells (
        cell_id uuid NOT NULL,
        generation bigint NOT NULL,
        app_id text NOT NULL,
        rollup text NOT NULL,
        bucket timestamptz NOT NULL,
        dimensions jsonb NOT NULL,
        first_id uuid,
        CONSTRAINT pk_made_cells PRIMARY KEY (cell_id)
    )
    """,
    "CREATE INDEX ix_made_cells_generation ON aggregate.made_cells (generation)",
    """
    CREATE TABLE aggregate.old_cells (
        cell_id uuid NOT NULL,
        CONSTRAINT pk_old_cells PRIMARY KEY (cell_id)
    )
    """,
    "GRANT USAGE ON SEQUENCE aggregate.recount_numbers TO weir_aggregate",
    "GRANT SELECT, UPDATE ON aggregate.recount_epoch TO weir_aggregate",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON aggregate.buckets, aggregate.recounts TO weir_aggregate",
    "GRANT SELECT, INSERT ON aggregate.recounted_rollups TO weir_aggregate",
    """
    GRANT SELECT, INSERT, DELETE
        ON aggregate.covered_batches, aggregate.made_cells, aggregate.old_cells TO weir_aggregate
    """,
    "GRANT DELETE ON aggregate.cells, aggregate.measures TO weir_aggregate",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
