"""A person in the archive, who is to be erased from it, for tests."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.common.subject_data import Erasure, SubjectRef
from services.enrich.archive.archiver import Archiver
from services.enrich.archive.eraser import ArchiveErasure, Eraser
from services.enrich.archive.erasing import Erased
from services.enrich.archive.parquet import ParquetFiles
from services.enrich.archive.postgres import PostgresArchive
from tests.support.archives import LAST_DAY, objects_of, store_full

REQUEST = UUID("0193b000-0000-7000-8000-000000000001")
CANARY = "canary-5f1d"
PERSON = "a" * 32
FENCED_AT = LAST_DAY + timedelta(hours=12)
_BECOMES = """
UPDATE enrich.events
SET subject_id = %(subject)s, person = %(person)s, properties = properties || %(more)s::jsonb,
    context = context || %(around)s::jsonb
WHERE event_id = ANY(%(ids)s)
"""


def store_person(database_url: str) -> None:
    """Three days of four events each: of the first day two are the person's, of the second day one and one of
    another person that names this one, of the third day none."""
    for days in range(3):
        store_full(database_url, 4, at=LAST_DAY - timedelta(days=days))
    own = ["event go 20 0", "event go 20 1", "event go 21 2"]
    with psycopg.connect(database_url) as connection:
        values: dict[str, Any] = {"subject": CANARY, "person": PERSON, "more": "{}", "around": "{}"}
        values["ids"] = own
        connection.execute(_BECOMES, values)
        naming = f'{{"friend": "{CANARY}", "friends": ["x", {{"{CANARY}": 1}}], "seen": 1.50}}'
        values |= {"subject": "ann", "person": "b" * 32, "more": naming, "ids": ["event go 21 3"]}
        values["around"] = (
            f'{{"teacher_id": "{CANARY}", "extra": {{"by": "{CANARY}", "big": 1.50}}}}'
        )
        connection.execute(_BECOMES, values)


def who(**different: Any) -> Erased:
    """The person; everything unless something is `different`."""
    subject = SubjectRef("go", CANARY, (PERSON,))
    values: dict[str, Any] = {"fenced_at": FENCED_AT, **different}
    return Erased(Erasure(subject, REQUEST, **values), may_hold_others=True)


async def erase(
    engine: AsyncEngine, url: str, person: Erased | None = None, seconds: float = 600.0
) -> ArchiveErasure:
    """One call."""
    journal, files = PostgresArchive(engine), ParquetFiles()
    archiver = Archiver(journal, objects_of(url), files)
    return await Eraser(journal, archiver, files).erase(person or who(), seconds)


LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
