"""Questions about behaviour as SQL for Postgres; each with its twin for DuckDB in `duckdb_sql.py`.

`{table}` and `{person}` are those of a layout. Times in answers are whole microseconds or seconds.
"""

# Every step-3 event looks back for the latest start of a chain that it can end: see docs/decisions/0030.
FUNNEL_WINDOWS = """
WITH step1 AS (
    SELECT {person} AS person, occurred_at AS t, name,
        CASE WHEN name = %(first)s AND occurred_at < %(end)s THEN occurred_at END AS start1
    FROM {table}
    WHERE app_id = %(app)s AND name = ANY(%(steps)s) AND {person} IS NOT NULL
        AND occurred_at >= %(start)s AND occurred_at < %(end)s + %(window)s
), before2 AS (
    SELECT *, max(start1) OVER before AS found FROM step1
    WINDOW before AS (PARTITION BY person ORDER BY t ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
), step2 AS (
    SELECT person, t, name, start1,
        CASE WHEN name = %(second)s AND t - found <= %(window)s THEN found END AS start2
    FROM before2
), before3 AS (
    SELECT *, max(start2) OVER before AS found FROM step2
    WINDOW before AS (PARTITION BY person ORDER BY t ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
), people AS (
    SELECT min(start1) AS reached1, min(t) FILTER (WHERE start2 IS NOT NULL) AS reached2,
        min(t) FILTER (WHERE name = %(third)s AND t - found <= %(window)s) AS reached3
    FROM before3 GROUP BY person
)
SELECT count(reached1), count(reached2), count(reached3),
    (extract(epoch FROM percentile_disc(0.5) WITHIN GROUP (ORDER BY reached2 - reached1)) * 1000000)::bigint,
    (extract(epoch FROM percentile_disc(0.5) WITHIN GROUP (ORDER BY reached3 - reached2)) * 1000000)::bigint
FROM people
"""
# The times of each step as one text of 8 bytes each, which the caller sorts and walks through.
FUNNEL_ARRAYS = """
SELECT
    string_agg(timestamptz_send(occurred_at), '') FILTER (WHERE name = %(first)s AND occurred_at < %(end)s),
    string_agg(timestamptz_send(occurred_at), '') FILTER (WHERE name = %(second)s),
    string_agg(timestamptz_send(occurred_at), '') FILTER (WHERE name = %(third)s)
FROM {table}
WHERE app_id = %(app)s AND name = ANY(%(steps)s) AND {person} IS NOT NULL
    AND occurred_at >= %(start)s AND occurred_at < %(end)s + %(window)s
GROUP BY {person}
"""
_TRIANGLE = """
SELECT extract(epoch FROM cohort)::bigint, extract(epoch FROM period)::bigint, count(*)
FROM (SELECT period, min(period) OVER (PARTITION BY person) AS cohort FROM active) AS placed
GROUP BY 1, 2 ORDER BY 1, 2
"""
COHORTS_BY_SCAN = (
    """
WITH active AS (
    SELECT DISTINCT {person} AS person, date_bin('7 days', occurred_at, %(start)s) AS period
    FROM {table}
    WHERE app_id = %(app)s AND {person} IS NOT NULL
        AND occurred_at >= %(start)s AND occurred_at < %(end)s
)"""
    + _TRIANGLE
)
COHORTS_OF_DAYS = (
    """
WITH active AS (
    SELECT DISTINCT member AS person, date_bin('7 days', bucket, %(start)s) AS period
    FROM aggregate.cells JOIN aggregate.members USING (cell_id)
    WHERE app_id = %(app)s AND rollup = 'activity' AND metric = 'active_users'
        AND bucket >= %(start)s AND bucket < %(end)s
)"""
    + _TRIANGLE
)
COHORTS_OF_WEEKS = (
    """
WITH active AS (
    SELECT member AS person, bucket AS period
    FROM aggregate.cells JOIN aggregate.members USING (cell_id)
    WHERE app_id = %(app)s AND rollup = %(weekly)s AND metric = 'active_users'
        AND bucket >= %(start)s AND bucket < %(end)s
)"""
    + _TRIANGLE
)
# The next three events after each one of the name, as long as none comes later than the gap.
PATHS = """
WITH placed AS (
    SELECT {person} AS person, occurred_at AS t, name,
        lead(name) OVER later AS name1, lead(occurred_at) OVER later AS t1,
        lead(name, 2) OVER later AS name2, lead(occurred_at, 2) OVER later AS t2,
        lead(name, 3) OVER later AS name3, lead(occurred_at, 3) OVER later AS t3
    FROM {table}
    WHERE app_id = %(app)s AND {person} IS NOT NULL
        AND occurred_at >= %(start)s AND occurred_at < %(end)s + 3 * %(gap)s
    WINDOW later AS (PARTITION BY {person} ORDER BY occurred_at)
), paths AS MATERIALIZED (
    SELECT person, name AS name0,
        CASE WHEN t1 - t <= %(gap)s THEN name1 END AS name1,
        CASE WHEN t1 - t <= %(gap)s AND t2 - t1 <= %(gap)s THEN name2 END AS name2,
        CASE WHEN t1 - t <= %(gap)s AND t2 - t1 <= %(gap)s AND t3 - t2 <= %(gap)s THEN name3 END AS name3
    FROM placed WHERE name = %(from)s AND t < %(end)s
)
SELECT step, name, coalesce(next, 'end'), count(*), count(DISTINCT person)
FROM paths CROSS JOIN LATERAL (
    VALUES (1, name0, name1), (2, name1, name2), (3, name2, name3)
) AS steps (step, name, next)
WHERE name IS NOT NULL
GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""
EVENT_PAGE = """
SELECT event_uuid, (extract(epoch FROM occurred_at) * 1000000)::bigint, name, subject_id, properties
FROM enrich.events
WHERE app_id = :app AND name = :name AND occurred_at >= :start AND occurred_at < :end AND {condition}
ORDER BY occurred_at, event_uuid LIMIT 100
"""
