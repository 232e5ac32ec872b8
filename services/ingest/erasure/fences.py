"""Until when no dead letters about a person are kept. A transaction that adds letters holds a shared lock, a
new fence takes it alone: of the two, one sees the other."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from weir.common.v1.event_pb2 import Event

from libs.common.clock import us_of
from libs.common.event_moments import oldest_us
from libs.common.pseudonym import Pseudonymizer, persons_of
from libs.common.subject_data import SubjectRef

# "lett", "weir".
FENCE_LOCK = "1818588276, 2003134834"
_HOLD = text(f"SELECT pg_advisory_xact_lock_shared({FENCE_LOCK})")
_LOCK = text(f"SELECT pg_advisory_xact_lock({FENCE_LOCK})")
_ADD = text("""
INSERT INTO ingest.fences AS known (app_id, person, fenced_at)
SELECT :app_id, person, :fenced_at FROM unnest(CAST(:persons AS uuid[])) AS person
ON CONFLICT (app_id, person) DO UPDATE SET fenced_at = greatest(known.fenced_at, excluded.fenced_at)
""")
_OF = text("""
SELECT app_id, person, fenced_at FROM ingest.fences WHERE (app_id, person) IN (
    SELECT * FROM unnest(CAST(:apps AS text[]), CAST(:persons AS uuid[]))
)
""")
_APPS = text("""
SELECT app_id FROM unnest(CAST(:apps AS text[])) AS asked (app_id)
WHERE EXISTS (SELECT FROM ingest.fences AS known WHERE known.app_id = asked.app_id)
""")
# An app and a pseudonym.
Key = tuple[str, str]


async def add_fence(engine: AsyncEngine, subject: SubjectRef, fenced_at: datetime) -> None:
    """From the return on, no letter is added that the fence is about."""
    async with engine.begin() as connection:
        await connection.execute(_LOCK)
        await connection.execute(
            _ADD,
            {
                "app_id": subject.app_id,
                "persons": list(map(UUID, subject.persons)),
                "fenced_at": fenced_at,
            },
        )


async def fenced_apps(connection: AsyncConnection, app_ids: Collection[str]) -> Collection[str]:
    """Those of the apps that have fences, all of which stay as they are until the transaction ends."""
    await connection.execute(_HOLD)
    return set((await connection.execute(_APPS, {"apps": sorted(app_ids)})).scalars())


async def fences_of(connection: AsyncConnection, people: Collection[Key]) -> Mapping[Key, int]:
    """The fences of people, in microseconds since the Unix epoch, in a transaction that has asked for
    `fenced_apps`."""
    if not people:
        return {}
    apps, persons = zip(*sorted(people), strict=True)
    rows = await connection.execute(_OF, {"apps": list(apps), "persons": list(map(UUID, persons))})
    return {(app_id, person.hex): us_of(moment) for app_id, person, moment in rows}


def keys_of(pseudonymizer: Pseudonymizer, app_id: str, event: Event) -> Sequence[Key]:
    """Whom an event is about, in all epochs; none for no person."""
    persons = persons_of(pseudonymizer, app_id, event.subject_id, event.anonymous_id)
    return [(app_id, person) for person in persons]


def is_fenced(
    event: Event, received_at_us: int, keys: Sequence[Key], fences: Mapping[Key, int]
) -> bool:
    """Whether an event of a person with these keys is behind one of the fences."""
    fenced_us = [fences[key] for key in keys if key in fences]
    return bool(fenced_us) and oldest_us(event, received_at_us) <= max(fenced_us)
