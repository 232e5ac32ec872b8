"""The questions as SQL for DuckDB, over the view `events` of the Parquet files; written for its own strengths
if there is a choice."""

FUNNEL = """
WITH steps AS (
    SELECT person, occurred_at AS t, name,
        CASE WHEN name = $first AND occurred_at < $end THEN occurred_at END AS start1
    FROM events
    WHERE name IN ($first, $second, $third) AND person IS NOT NULL
        AND occurred_at >= $start AND occurred_at < $end + $window
), before2 AS (
    SELECT *, max(start1) OVER before AS found FROM steps
    WINDOW before AS (PARTITION BY person ORDER BY t ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
), step2 AS (
    SELECT person, t, name, start1,
        CASE WHEN name = $second AND t <= found + $window THEN found END AS start2
    FROM before2
), before3 AS (
    SELECT *, max(start2) OVER before AS found FROM step2
    WINDOW before AS (PARTITION BY person ORDER BY t ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
), people AS (
    SELECT epoch_us(min(start1)) AS reached1,
        epoch_us(min(t) FILTER (WHERE start2 IS NOT NULL)) AS reached2,
        epoch_us(min(t) FILTER (WHERE name = $third AND t <= found + $window)) AS reached3
    FROM before3 GROUP BY person
)
SELECT count(reached1), count(reached2), count(reached3),
    quantile_disc(reached2 - reached1, 0.5), quantile_disc(reached3 - reached2, 0.5)
FROM people
"""
COHORTS = """
WITH active AS (
    SELECT DISTINCT person, time_bucket(INTERVAL 7 DAYS, occurred_at, $start) AS period
    FROM events WHERE person IS NOT NULL AND occurred_at >= $start AND occurred_at < $end
)
SELECT epoch(cohort)::bigint, epoch(period)::bigint, count(*)
FROM (SELECT period, min(period) OVER (PARTITION BY person) AS cohort FROM active)
GROUP BY 1, 2 ORDER BY 1, 2
"""
PATHS = """
WITH placed AS (
    SELECT person, occurred_at AS t, name,
        lead(name) OVER later AS name1, lead(occurred_at) OVER later AS t1,
        lead(name, 2) OVER later AS name2, lead(occurred_at, 2) OVER later AS t2,
        lead(name, 3) OVER later AS name3, lead(occurred_at, 3) OVER later AS t3
    FROM events
    WHERE person IS NOT NULL AND occurred_at >= $start AND occurred_at < $end + 3 * $gap
    WINDOW later AS (PARTITION BY person ORDER BY occurred_at)
), paths AS (
    SELECT person, name AS name0,
        CASE WHEN t1 <= t + $gap THEN name1 END AS name1,
        CASE WHEN t1 <= t + $gap AND t2 <= t1 + $gap THEN name2 END AS name2,
        CASE WHEN t1 <= t + $gap AND t2 <= t1 + $gap AND t3 <= t2 + $gap THEN name3 END AS name3
    FROM placed WHERE name = $from AND t < $end
), steps AS (
    SELECT 1 AS step, person, name0 AS name, name1 AS next FROM paths
    UNION ALL SELECT 2, person, name1, name2 FROM paths
    UNION ALL SELECT 3, person, name2, name3 FROM paths
)
SELECT step, name, coalesce(next, 'end'), count(*), count(DISTINCT person)
FROM steps WHERE name IS NOT NULL
GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""
EVENT_PAGE = """
SELECT hex(event_uuid), epoch(occurred_at)::bigint, name, person, amount, currency FROM events
WHERE name = $name AND occurred_at >= $start AND occurred_at < $end AND amount > $amount
ORDER BY occurred_at, event_uuid LIMIT 100
"""
ROLLUP_PAGE = """
SELECT epoch(time_bucket(INTERVAL 1 DAY, occurred_at))::bigint AS day, content_type, count(*),
    count(DISTINCT person), sum(duration)::bigint
FROM events
WHERE name = 'view' AND occurred_at >= $start AND occurred_at < $end
GROUP BY 1, 2 ORDER BY 1, 2 LIMIT 100
"""
