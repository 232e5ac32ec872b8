"""What enrich reads about one person, of events that were written by hand."""

from datetime import timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.common.clock import SystemClock
from libs.stores.redis_client import RedisClient
from services.enrich.model import Session
from services.enrich.sessions.redis import RedisSessionStore
from services.enrich.settings import EnrichSettings
from services.enrich.subject_rows.postgres import SubjectRows
from tests.support.archived_rows import NO_ARCHIVE
from tests.support.stored_events import row, store
from tests.support.subject_rows import EPOCHS, UNTIL, collected, export_of

NEW, OLD = EPOCHS.all_epochs("arena", "ann")
OTHER = EPOCHS.pseudonym("arena", "bob")
WHEN = "2026-11-20T10:00:00"


@pytest.fixture
def rows(engine: AsyncEngine, client: RedisClient) -> SubjectRows:
    settings = EnrichSettings(session_idle_seconds=3_600)
    sessions = RedisSessionStore(client.commands, SystemClock(), settings.session_idle_seconds)
    return SubjectRows(engine, sessions, settings, NO_ARCHIVE)


async def test_events_are_found_by_the_id_and_by_the_pseudonyms_of_all_epochs(
    rows: SubjectRows, database_url: str
) -> None:
    store(
        database_url,
        [
            row("named", WHEN, "1", subject_id="ann", person=NEW, properties={"n": 1}),
            row("named in the last epoch", WHEN, "2", subject_id="ann", person=OLD),
            row("anonymized", WHEN, "3", anonymous_id=NEW, person=NEW),
            row("named, without person", WHEN, "4", subject_id="ann", person=None),
            row("anonymized, without person", WHEN, "5", anonymous_id=OLD, person=None),
            row("another's", WHEN, "6", subject_id="bob", person=OTHER),
            row("another's, who names ann", WHEN, "7", subject_id="bob", person=OTHER, entity_id="ann"),
            row("another app's", WHEN, "8", subject_id="ann", app_id="chess"),
            row("of no person", WHEN, "9", person=None),
        ],
    )  # fmt: skip
    found = await collected(rows.read(export_of("arena", "ann")))
    events = {event["event_id"]: event for event in found["events"]}
    assert sorted(events) == ["1", "2", "3", "4", "5"]
    assert events["1"]["properties"] == {"n": 1}
    assert events["1"]["occurred_at"] == "2026-11-20T10:00:00+00:00"
    assert "person" not in events["1"]


async def test_what_was_received_at_the_moment_or_later_is_not_in_it(
    rows: SubjectRows, database_url: str
) -> None:
    tick = timedelta(microseconds=1)
    store(
        database_url,
        [
            row("e", WHEN, name, subject_id="ann", person=NEW, received_at=received)
            for name, received in (("before", UNTIL - tick), ("at", UNTIL))
        ],
    )
    found = await collected(rows.read(export_of("arena", "ann")))
    assert [event["event_id"] for event in found["events"]] == ["before"]


async def test_sessions_are_counted_from_the_events(rows: SubjectRows, database_url: str) -> None:
    times = ["2026-11-20T10:00:00", "2026-11-20T10:05:00", "2026-11-21T09:00:00"]
    store(
        database_url,
        [
            row("e", when, str(n), subject_id="ann", person=NEW, session_id="b" if n == 2 else "a")
            for n, when in enumerate(times)
        ]
        + [row("e", WHEN, "9", subject_id="bob", person=OTHER, session_id="c")],
    )
    found = await collected(rows.read(export_of("arena", "ann")))
    assert [tuple(session.values()) for session in found["sessions"]] == [
        ("a", "2026-11-20T10:00:00+00:00", "2026-11-20T10:05:00+00:00", 2),
        ("b", "2026-11-21T09:00:00+00:00", "2026-11-21T09:00:00+00:00", 1),
    ]


async def test_sessions_under_way_have_their_beginning_from_redis(
    rows: SubjectRows, database_url: str, client: RedisClient
) -> None:
    known = RedisSessionStore(client.commands, SystemClock(), 3_600)
    begun = Session(1_795_340_000_000_000, "/start", "https://example.org")
    await known.note("arena", 0, {"mine": begun, "another's": begun})
    recent = UNTIL - timedelta(minutes=30)
    store(
        database_url,
        [
            row("e", WHEN, "1", subject_id="ann", person=NEW, session_id="mine", received_at=recent),
            row("e", WHEN, "2", subject_id="ann", person=NEW, session_id="gone", received_at=recent),
        ],
    )  # fmt: skip
    found = await collected(rows.read(export_of("arena", "ann")))
    assert found["open_sessions"] == [
        {
            "session_id": "mine",
            "started_at": "2026-11-22T09:33:20+00:00",
            "landing_page": "/start",
            "referrer": "https://example.org",
        }
    ]
