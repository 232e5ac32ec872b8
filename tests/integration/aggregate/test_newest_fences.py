"""What counting reads of the fences at each epoch is little, however many people have been erased."""

from collections.abc import Iterator, Mapping
from typing import Any

import psycopg

from services.aggregate.counting.postgres import READ_FENCED_FROM

# 10,000 people of each app; `late` is the last by name and has the newest fence of all.
ADD = """
INSERT INTO aggregate.fences (app_id, person, fenced_at, in_force_from)
SELECT app_id, gen_random_uuid(), '2026-01-01Z',
    '2026-01-01Z'::timestamptz + number * interval '1 second' + first
FROM generate_series(1, 10000) AS number,
    (VALUES ('arena', interval '0'), ('b', interval '1 hour'), ('late', interval '1 day'))
        AS apps (app_id, first)
"""


def test_the_newest_fence_of_each_app_is_looked_up(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        assert connection.execute(READ_FENCED_FROM).fetchall() == []
        connection.execute(ADD)
        connection.execute("ANALYZE aggregate.fences")
        found = connection.execute(READ_FENCED_FROM).fetchall()
        explain = f"EXPLAIN (ANALYZE, FORMAT JSON) {READ_FENCED_FROM}"
        [(plan,)] = connection.execute(explain.encode()).fetchall()
    # 2026-01-01T00:00:00Z, and 10,000 seconds, an hour, a day later.
    begin_us = 1_767_225_600_000_000
    assert dict(found) == {
        "arena": begin_us + 10_000_000_000,
        "b": begin_us + 13_600_000_000,
        "late": begin_us + 96_400_000_000,
    }
    reads = [node for node in _nodes(plan[0]["Plan"]) if node.get("Relation Name") == "fences"]
    assert reads
    # The first app, the two after it and no more behind those, and the newest fence of each.
    assert sum(node["Actual Rows"] * node["Actual Loops"] for node in reads) < 7
    assert sum(node.get("Rows Removed by Filter", 0) for node in reads) == 0


def _nodes(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from _nodes(part)
