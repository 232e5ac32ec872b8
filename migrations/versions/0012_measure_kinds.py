"""Quantiles, and the first and last number of a cell."""

from alembic import op

revision = "0012_measure_kinds"
down_revision = "0011_results"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        ALTER TABLE aggregate.measures
            ADD COLUMN bins jsonb, ADD COLUMN first_number jsonb, ADD COLUMN last_number jsonb
        """
    )
    # Two objects of counts, added up key by key.
    op.execute(
        """
        CREATE FUNCTION aggregate.added_bins(one jsonb, other jsonb) RETURNS jsonb
        LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
        RETURN (
            SELECT jsonb_object_agg(key, size) FROM (
                SELECT key, sum(value::bigint) AS size FROM (
                    SELECT key, value FROM jsonb_each_text(one)
                    UNION ALL SELECT key, value FROM jsonb_each_text(other)
                ) AS both_sides GROUP BY key
            ) AS added
        )
        """
    )
