"""The questions as SQL for DuckDB, over the view `events` of the Parquet files.

`FUNNEL` has a place for what else holds of the events of its third step.
`t` is the time as microseconds since the epoch: DuckDB computes with integers several times faster than
with timestamps that have a time zone.
"""

VIEW = """
CREATE VIEW events AS
SELECT *, epoch_us(occurred_at) AS t FROM read_parquet('{folder}/*.parquet')
"""
FUNNEL = """
WITH steps AS (
    SELECT person, t, name, CASE WHEN name = $first AND occurred_at < $end THEN t END AS start1
    FROM events
    WHERE (name IN ($first, $second) OR name = $third AND {third}) AND person IS NOT NULL
        AND occurred_at >= $start AND occurred_at < $end + $window
), before2 AS (
    SELECT *, max(start1) OVER before AS found FROM steps
    WINDOW before AS (PARTITION BY person ORDER BY t ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
), step2 AS (
    SELECT person, t, name, start1,
        CASE WHEN name = $second AND t - found <= epoch_us($window) THEN found END AS start2
    FROM before2
), before3 AS (
    SELECT *, max(start2) OVER before AS found FROM step2
    WINDOW before AS (PARTITION BY person ORDER BY t ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
), people AS (
    SELECT min(start1) AS reached1, min(t) FILTER (WHERE start2 IS NOT NULL) AS reached2,
        min(t) FILTER (WHERE name = $third AND t - found <= epoch_us($window)) AS reached3
    FROM before3 GROUP BY person
)
SELECT count(reached1), count(reached2), count(reached3),
    quantile_disc(reached2 - reached1, 0.5), quantile_disc(reached3 - reached2, 0.5)
FROM people
"""
# Of people who were first active from a week on; all stored events say who was active before.
COHORTS = """
WITH active AS (
    SELECT DISTINCT person, t // 86400000000 * 86400 - (t // 86400000000 + 3) % 7 * 86400 AS week
    FROM events WHERE person IS NOT NULL
)
SELECT cohort, week, count(*)
FROM (SELECT week, min(week) OVER (PARTITION BY person) AS cohort FROM active)
WHERE cohort >= epoch($start)
GROUP BY 1, 2 ORDER BY 1, 2
"""
# Of people by the week of their first event of a name.
COHORTS_BY_EVENT = """
WITH entered AS (
    SELECT person, min(t) AS t FROM events WHERE name = $entry AND person IS NOT NULL GROUP BY 1
), placed AS (
    SELECT person, t // 86400000000 * 86400 - (t // 86400000000 + 3) % 7 * 86400 AS cohort FROM entered
), active AS (
    SELECT DISTINCT person, t // 86400000000 * 86400 - (t // 86400000000 + 3) % 7 * 86400 AS week
    FROM events WHERE name = $active AND person IS NOT NULL
)
SELECT cohort, week, count(*) FROM placed JOIN active USING (person)
WHERE cohort >= epoch($start) AND week >= cohort
GROUP BY 1, 2 ORDER BY 1, 2
"""
PATHS = """
WITH placed AS (
    SELECT person, occurred_at, t, name,
        lead(name) OVER later AS name1, lead(t) OVER later AS t1,
        lead(name, 2) OVER later AS name2, lead(t, 2) OVER later AS t2,
        lead(name, 3) OVER later AS name3, lead(t, 3) OVER later AS t3
    FROM events
    WHERE person IS NOT NULL AND occurred_at >= $start AND occurred_at < $end + 3 * $gap
    WINDOW later AS (PARTITION BY person ORDER BY t, name)
), paths AS (
    SELECT person, name AS name0, t1 - t <= epoch_us($gap) AS near1,
        near1 AND t2 - t1 <= epoch_us($gap) AS near2, near2 AND t3 - t2 <= epoch_us($gap) AS near3,
        CASE WHEN near1 THEN name1 END AS name1, CASE WHEN near2 THEN name2 END AS name2,
        CASE WHEN near3 THEN name3 END AS name3
    FROM placed WHERE name = $from AND occurred_at < $end
), steps AS (
    SELECT 1 AS step, person, name0 AS name, name1 AS next FROM paths
    UNION ALL SELECT 2, person, name1, name2 FROM paths
    UNION ALL SELECT 3, person, name2, name3 FROM paths
)
SELECT step, name, coalesce(next, ''), count(DISTINCT person), count(*)
FROM steps WHERE name IS NOT NULL
GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""
EVENT_PAGE = """
SELECT lower(hex(event_uuid)), t, name, person, amount, currency FROM events
WHERE name = $name AND occurred_at >= $start AND occurred_at < $end AND amount > $amount
ORDER BY occurred_at, event_uuid LIMIT 100
"""
ROLLUP_PAGE = """
SELECT t // 86400000000 * 86400 AS day, content_type, count(*), count(DISTINCT person), avg(duration)
FROM events
WHERE name = 'view' AND occurred_at >= $start AND occurred_at < $end
GROUP BY 1, 2 ORDER BY 1, 2 LIMIT 100
"""
PERSONAL_METRIC = """
SELECT t // 86400000000 * 86400 AS day, name, count(*) FROM events
WHERE person = $person AND occurred_at >= $start AND occurred_at < $end
GROUP BY 1, 2 ORDER BY 1, 2
"""
EXPORTED = """
SELECT event_uuid FROM events WHERE occurred_at >= $start AND occurred_at < $end
"""
EXPORT = """
COPY (
    SELECT event_uuid, occurred_at, person, name, content_type, duration, action, amount, currency
    FROM events WHERE occurred_at >= $start AND occurred_at < $end
) TO '/dev/null' (FORMAT csv)
"""
