"""Rows of older releases get their person, however often the job ends in between."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.common.pseudonym import Pseudonymizer
from services.enrich.partitions.plan import Leaf, PartitionChange
from services.enrich.partitions.postgres import PostgresPartitionStore
from services.enrich.persons.postgres import PersonFiller
from tests.support.pseudonyms import PSEUDONYM_KEY, PSEUDONYMS
from tests.support.stored_events import row, store

DAY = datetime(2026, 11, 20, tzinfo=UTC)
VISITOR = "0123456789abcdef" * 2
PEOPLE = "SELECT event_id, replace(person::text, '-', '') FROM enrich.events ORDER BY event_id"
UNFILLED = """
    EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) SELECT FROM enrich.events_90d_20261120
    WHERE person IS NULL AND (subject_id <> '' OR anonymous_id <> '')
"""


def people(database_url: str) -> dict[str, str | None]:
    with psycopg.connect(database_url) as connection:
        return dict(connection.execute(PEOPLE).fetchall())


async def old_rows(engine: AsyncEngine, database_url: str) -> dict[str, str | None]:
    """Stores rows as an older release did, in several leaves; whom each is about."""
    leaf = Leaf("90d", DAY, DAY + timedelta(days=1))
    assert await PostgresPartitionStore(engine).apply(PartitionChange(leaf))
    wanted: dict[str, str | None] = {}
    rows: list[Any] = []
    for number, (app_id, ids) in enumerate(
        (app_id, ids)
        for app_id in ("arena", "chess")
        for ids in (
            {"subject_id": "ann"},
            {"subject_id": "bob", "anonymous_id": VISITOR},
            {"anonymous_id": VISITOR},
            {},
            {"subject_id": "", "anonymous_id": ""},
        )
    ):
        person = VISITOR if ids.get("anonymous_id") else None
        if subject := ids.get("subject_id"):
            person = PSEUDONYMS.pseudonym(app_id, subject)
        for day in ("2026-11-20", "2030-01-01"):
            event_id = f"{day}-{number}"
            wanted[event_id] = person
            rows.append(row("n", f"{day}T10:00:00", event_id, app_id=app_id, person=None, **ids))
    store(database_url, rows)
    return wanted


async def test_every_row_gets_the_person_that_it_would_get_today(
    engine: AsyncEngine, database_url: str
) -> None:
    wanted = await old_rows(engine, database_url)
    known = row("n", "2026-11-20T11:00:00", "known", subject_id="eve", person=VISITOR)
    store(database_url, [known])
    filler = PersonFiller(engine, PSEUDONYMS, rows_at_a_time=2)
    # Three of five in each app and on each day are about a person.
    assert await filler.fill() == {"filled": 12}
    assert people(database_url) == {**wanted, "known": VISITOR}
    assert await filler.fill() == {"filled": 0}


async def test_it_goes_on_where_it_was_interrupted(engine: AsyncEngine, database_url: str) -> None:
    wanted = await old_rows(engine, database_url)

    class Interrupted(Pseudonymizer):
        """Ends with the third subject."""

        def __init__(self) -> None:
            super().__init__(PSEUDONYM_KEY.encode())
            self.asked = 0
            self.pseudonym = self.until_the_third  # type: ignore[assignment]

        def until_the_third(self, app_id: str, subject_id: str) -> str:
            self.asked += 1
            if self.asked == 3:
                raise asyncio.CancelledError
            return PSEUDONYMS.pseudonym(app_id, subject_id)

    with pytest.raises(asyncio.CancelledError):
        await PersonFiller(engine, Interrupted(), rows_at_a_time=1).fill()
    filled = [person for person in people(database_url).values() if person]
    assert 0 < len(filled) < 12
    assert await PersonFiller(engine, PSEUDONYMS).fill() == {"filled": 12 - len(filled)}
    assert people(database_url) == wanted


async def test_what_is_left_is_found_by_an_index(engine: AsyncEngine, database_url: str) -> None:
    await old_rows(engine, database_url)
    with psycopg.connect(database_url) as connection:
        connection.execute("SET enable_seqscan = off")
        plan = "\n".join(line for (line,) in connection.execute(UNFILLED))
    assert "events_90d_20261120_app_id_subject_id_occurred_at_idx" in plan, plan
