"""What says a day only: by the code, and by the same rule in SQL."""

from datetime import UTC, datetime, timedelta

import psycopg

from libs.streams.day_only import SAYS_DAY_ONLY, says_day_only

# By hand: 1,795,305,600 s is 22 November 2026, 0:00 UTC.
MIDNIGHT_US = 1_795_305_600_000_000
ONE_DAY_US = 24 * 60 * 60 * 1_000_000
EXPECTED = {
    MIDNIGHT_US: True,
    MIDNIGHT_US + 1: False,
    MIDNIGHT_US - 1: False,
    # Midnight in the zone of the session below.
    MIDNIGHT_US - 2 * 60 * 60 * 1_000_000: False,
    MIDNIGHT_US + ONE_DAY_US // 2: False,
    MIDNIGHT_US - 30 * ONE_DAY_US: True,
}


def test_code_and_sql_agree(database_url: str) -> None:
    assert {us: says_day_only(us) for us in EXPECTED} == EXPECTED
    moments = [datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=us) for us in EXPECTED]
    with psycopg.connect(database_url) as connection:
        connection.execute("SET TIME ZONE 'Africa/Cairo'")
        rows = connection.execute(
            f"SELECT {SAYS_DAY_ONLY} FROM unnest(%s::timestamptz[]) WITH ORDINALITY"
            " AS given (received_at, number) ORDER BY number",
            [moments],
        ).fetchall()
    assert [says for (says,) in rows] == list(EXPECTED.values())
