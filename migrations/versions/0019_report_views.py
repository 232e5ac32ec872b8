"""Views for common queries, for tools that speak SQL: numbers only, and no one's."""

from alembic import op

revision = "0019_report_views"
down_revision = "0018_adopted_periods"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE SCHEMA reports")
    # The two rollups that every app has, unless its catalog declares others by these names.
    op.execute(
        """
        CREATE VIEW reports.daily_active_users AS
        SELECT cells.app_id, cells.bucket AS day, measures.count AS active_users
        FROM aggregate.cells JOIN aggregate.measures USING (cell_id)
        WHERE cells.rollup = 'activity' AND measures.metric = 'active_users'
            AND cells.dimensions = '{}'
        """
    )
    op.execute(
        """
        CREATE VIEW reports.hourly_events AS
        SELECT cells.app_id, cells.bucket AS hour, cells.dimensions ->> 'name' AS name,
            measures.count AS events
        FROM aggregate.cells JOIN aggregate.measures USING (cell_id)
        WHERE cells.rollup = 'events' AND measures.metric = 'events'
            AND (cells.dimensions - 'name') = '{}'
        """
    )
    # Rows of metrics and of cohorts; whether cells of rollups are of single people, only the catalog knows.
    # (A backslash keeps SQLAlchemy from taking these words for parameters.)
    op.execute(
        r"""
        CREATE VIEW reports.job_results AS
        SELECT results.app_id, results.job, results.period_start, results.period_end, results.is_final,
            results.calculated_at, cells.bucket, cells.dimensions, metric.name AS metric,
            CAST(nullif(metric.value, 'null') #>> '{}' AS double precision) AS value
        FROM aggregate.results
        JOIN aggregate.result_cells AS cells USING (app_id, job, period_start)
        CROSS JOIN LATERAL jsonb_each(cells.metrics) AS metric (name, value)
        WHERE cells.rollup IN ('\:metrics', '\:cohorts')
            AND jsonb_typeof(metric.value) IN ('number', 'null')
        """
    )
    op.execute("GRANT USAGE ON SCHEMA reports TO weir_read")
    op.execute("GRANT SELECT ON ALL TABLES IN SCHEMA reports TO weir_read")
