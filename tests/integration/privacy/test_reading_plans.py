"""Consent of many people is read by the index, although Postgres has no statistics of ids (ADR 67)."""

from typing import Any

import psycopg
import pytest
from sqlalchemy import create_engine, text

from services.privacy.consent.postgres import PAGE, READ

# 60,000 rows: the planner takes 100 of the people for all of them.
FILL = """
INSERT INTO privacy.consents (app_id, subject_id, purpose, granted, version, recorded_at, status)
SELECT 'arena', 'person-' || lpad(n::text, 5, '0'), purpose, true, n, now(), 'granted'
FROM generate_series(1, 20000) AS n, unnest(ARRAY['', 'analytics', 'marketing']) AS purpose
"""
PEOPLE = [f"person-{n:05}" for n in range(200, 20_001, 200)]


@pytest.fixture
def filled(database_url: str) -> str:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(FILL)
        connection.execute("VACUUM ANALYZE privacy.consents")
    return database_url


@pytest.mark.parametrize(
    ("statement", "asked", "found"),
    [
        (READ, {"subject_ids": [*PEOPLE, "person-none"]}, PEOPLE),
        (
            PAGE,
            {"after": "person-10000", "limit": 100},
            [f"person-{n}" for n in range(10_001, 10_101)],
        ),
        (PAGE, {"after": "person-19999", "limit": 100}, ["person-20000"]),
        (PAGE, {"after": "person-20000", "limit": 100}, []),
    ],
)
def test_many_people_are_read_by_the_index(
    filled: str, statement: Any, asked: dict[str, Any], found: list[str]
) -> None:
    engine = create_engine(filled.replace("postgresql:", "postgresql+psycopg:", 1))
    values = {"app_id": "arena", **asked}
    try:
        with engine.connect() as connection:
            rows = connection.execute(statement, values).all()
            plan = connection.execute(text(f"EXPLAIN (ANALYZE, TIMING OFF) {statement}"), values)
            lines = "\n".join(plan.scalars())
    finally:
        engine.dispose()
    assert sorted(row[0] for row in rows) == found
    assert all(sorted(row[2]) == ["", "analytics", "marketing"] for row in rows)
    assert "using pk_consents" in lines, lines
    assert "Seq Scan" not in lines, lines
