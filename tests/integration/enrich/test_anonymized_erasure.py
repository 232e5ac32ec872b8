"""An erasure that keeps events for the numbers: nothing of the person is left in them, however often it is
begun."""

import uuid
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from weir.common.v1 import event_pb2

from libs.catalog import Catalogs, compile_catalog
from libs.common.clock import SystemClock
from libs.common.errors import Unavailable
from libs.common.subject_data import Erasure, Progress, SubjectRef
from libs.stores.redis_client import RedisClient
from libs.streams.quarantine_erasure import QuarantineErasure
from libs.streams.quarantined_batches import raw_without
from services.enrich.archive.people import ArchivedPeople
from services.enrich.archive.postgres import PostgresArchive
from services.enrich.erasure.anonymizing import AnonymizedEvents
from services.enrich.erasure.data import EnrichSubjectData
from services.enrich.erasure.fences import Fences
from services.enrich.erasure.postgres import ErasedEvents
from services.enrich.retention.postgres import DUE
from services.enrich.sessions.redis import RedisSessionStore
from services.enrich.settings import EnrichSettings
from services.enrich.subject_rows.postgres import SubjectRows
from tests.integration.enrich.conftest import Enrich
from tests.support.archived_rows import NO_ARCHIVE
from tests.support.enrich_batches import NOON, entry_of, event
from tests.support.pseudonyms import PSEUDONYMS
from tests.support.small_catalog import SMALL

# `club.joined` has a rollup that reads some values; no number reads any of the other events.
CATALOG = compile_catalog(
    SMALL.replace("subject: {name: player}", "subject: {name: player, entity_types: [player]}")
    .replace(
        "mode: {type: string}",
        "mode: {type: string}, level: {enum: [easy, hard]}, secret: {type: string, x-pii: sealed},"
        " rival: {type: string, x-subject: true}",
    )
    .replace(
        "events:\n",
        "collection: {hashed: [device_id]}\nerasure: {events: anonymize}\nevents:\n",
        1,
    )
    + "    properties: {mode: {type: string}, post: {type: object, properties: {kind: {type: string}}}}\n"
    "rollups:\n"
    "  joined: {events: [club.joined], period: day, dimensions: [group_id, context.platform, device_type,"
    " properties.mode, properties.post.kind],"
    " metrics: {joined: count}}\n",
    "chess.yaml",
)
# Long enough to be found inside of texts.
SUBJECT = "anna-5f1d-canary"
ANNA = SubjectRef("chess", SUBJECT, tuple(PSEUDONYMS.all_epochs("chess", SUBJECT)))
DEVICE = "9" * 32
_ALL = "SELECT events::text FROM enrich.events AS events ORDER BY name, occurred_at"
_ROWS = """
SELECT name, subject_id, anonymous_id, person, session_id, session_started_at, group_id, entity_type,
    entity_id, request_id, context, attribution, properties, country, os, browser, device_type, event_id
FROM enrich.events ORDER BY name, occurred_at
"""
_BROWSER = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:130.0) Gecko/20100101 Firefox/130.0"


class People:
    """Erasures in one process, with the catalogs that it has."""

    def __init__(
        self, engine: AsyncEngine, client: RedisClient, catalogs: Catalogs, **limits: Any
    ) -> None:
        sessions = RedisSessionStore(client.commands, SystemClock(), 3_600)
        self.data = EnrichSubjectData(
            catalogs,
            ErasedEvents(engine),
            Fences(engine, PSEUDONYMS, catalogs),
            sessions,
            client,
            1,
            SubjectRows(engine, sessions, EnrichSettings(), NO_ARCHIVE),
            ArchivedPeople(catalogs, PostgresArchive(engine), _no_archive),
            QuarantineErasure(client, catalogs, "enrich", 1, raw_without),
            AnonymizedEvents(catalogs, PSEUDONYMS),
            PSEUDONYMS,
            **limits,
        )

    async def erase(self, erasure: Erasure) -> Progress:
        while not (progress := await self.data.erase(erasure)).done:
            pass
        return progress


async def _no_archive(_: bytes) -> dict[str, Any]:
    raise AssertionError("there is no archived event, so no process is started")


@pytest.fixture
def catalogs() -> Catalogs:
    return Catalogs.of(CATALOG)


@pytest.fixture
def people(engine: AsyncEngine, client: RedisClient, catalogs: Catalogs) -> People:
    return People(engine, client, catalogs)


def _erasure(**fields: Any) -> Erasure:
    return Erasure(ANNA, uuid.uuid4(), NOON, anonymizes_events=True, **fields)


def _counts(progress: Progress) -> dict[str, tuple[int, int, int]]:
    return {each.store: (each.erased, each.anonymized, each.withheld) for each in progress.stores}


def _full(event_id: str, **fields: Any) -> event_pb2.Event:
    """An event with the person in every place that there is."""
    properties = (
        b'{"moves": 3, "level": "hard", "mode": "with %(who)s", "player": "%(who)s", "secret": "s",'
        b' "rival": "ben", "device_id": "%(device)s", "post": {"kind": "poem", "body": "my own words"},'
        b' "deep": {"who": ["%(who)s", "%(key)s", "carl"], "player": 1}}'
        % {
            b"who": SUBJECT.encode(),
            b"key": ANNA.persons[0].encode(),
            b"device": DEVICE.encode(),
        }
    )
    values = {
        "subject_id": SUBJECT,
        "session_id": "s-anna",
        "properties_json": properties,
        **fields,
    }
    found = event(event_id, request_id=f"r-{SUBJECT}", group_id="club 7", **values)
    found.entity.type, found.entity.id = "player", SUBJECT
    found.attribution.campaign = f"by {SUBJECT}"
    found.context.platform, found.context.user_agent = "ios", _BROWSER
    found.context.ip, found.context.app_version = "203.0.113.0", "1.2"
    found.context.page_url = f"https://x.example/{SUBJECT}"
    found.context.extra.update({"device_id": DEVICE})
    return found


async def test_nothing_of_the_person_is_left_and_the_events_stay(
    enrich: Enrich, people: People, database_url: str
) -> None:
    nameless = _full(
        "e2", subject_id="", anonymous_id=ANNA.persons[0], name="club.joined", session_id="f" * 32
    )
    await enrich.process(
        entry_of(_full("e1"), nameless, event("b1", subject_id="ben", name="game.started"))
    )
    with psycopg.connect(database_url) as connection:
        before = connection.execute("SELECT event_uuid FROM enrich.events").fetchall()
    erasure = _erasure()
    progress = await people.erase(erasure)

    assert _counts(progress) == {
        "enrich.events": (0, 2, 0),
        "enrich.sessions": (2, 0, 0),
        "enrich.quarantine": (0, 0, 0),
    }
    assert progress.changed == {"club.joined": ["2026-11-20"], "game.ended": ["2026-11-20"]}
    with psycopg.connect(database_url) as connection:
        joined, ended, bens = connection.execute(_ROWS).fetchall()
        stored = connection.execute(_ALL).fetchall()
        after = connection.execute("SELECT event_uuid FROM enrich.events").fetchall()
    left = {"moves": 3, "level": "hard", "player": "anonymized"}
    no_one = (None,) * 5
    # No number reads anything else of it.
    assert ended == ("game.ended", *no_one, *no_one, None, left, None, None, None, None, None)
    # A rollup reads the club, the platform, the device and a property.
    platform = {"platform": "ios"}
    left = {"moves": 3, "mode": "with [person]", "post": {"kind": "poem"}, "player": "anonymized"}
    assert joined == (
        *("club.joined", *no_one, "club 7", None, None, None, platform, None),
        *(left, None, None, None, "desktop", None),
    )
    assert bens[1] == "ben"
    # Ids lead to what the sender has logged: only Ben's is the same.
    assert len({*before} & {*after}) == 1
    nothing = [SUBJECT, DEVICE, "s-anna", "f" * 32, *ANNA.persons]
    nothing += [str(uuid.UUID(each)) for each in ANNA.persons]
    texts = "\n".join(text for (text,) in stored)
    assert [each for each in nothing if each in texts] == []

    # Again, by the next request: nothing is the person's any more.
    assert _counts(await people.erase(_erasure()))["enrich.events"] == (0, 0, 0)
    # And by this one, which was answered before.
    assert _counts(await people.erase(erasure))["enrich.events"] == (0, 2, 0)


async def test_what_no_catalog_declares_goes_and_what_a_law_keeps_stays_as_it_is(
    enrich: Enrich, people: People, database_url: str
) -> None:
    await enrich.process(
        entry_of(
            _full("e1", name="game.of.old"),
            _full("e2"),
            _full("e3", name="club.joined"),
            _full("e4", name="game.started"),
        )
    )
    progress = await people.erase(_erasure(withheld={"club.joined": "Rules of the association"}))
    assert _counts(progress)["enrich.events"] == (1, 2, 1)
    with psycopg.connect(database_url) as connection:
        found = connection.execute(
            "SELECT name, subject_id FROM enrich.events ORDER BY name"
        ).fetchall()
    assert found == [("club.joined", SUBJECT), ("game.ended", None), ("game.started", None)]


async def test_events_that_stay_do_not_say_which_were_received_together(
    enrich: Enrich, people: People, database_url: str
) -> None:
    await enrich.process(entry_of(_full("e1"), _full("e2")))
    await enrich.process(entry_of(event("b1", subject_id="ben", name="game.started")))
    await people.erase(_erasure())
    day = NOON.replace(hour=0)
    with psycopg.connect(database_url) as connection:
        found = connection.execute(
            "SELECT name, received_at, occurred_at FROM enrich.events ORDER BY name"
        ).fetchall()

        def due(counted: datetime) -> list[Any]:
            """What retention may remove if so much is counted."""
            values = {"today": day + timedelta(days=2), "counted": counted}
            rows = connection.execute(
                f"SELECT name FROM enrich.events WHERE {DUE} ORDER BY name", values
            )
            return [name for (name,) in rows.fetchall()]

        ended = ["game.ended", "game.ended"]
        # Ben's was received at noon, and of the others that is no longer known.
        assert due(NOON + timedelta(hours=1)) == ["game.started"]
        assert due(day + timedelta(days=1)) == [*ended, "game.started"]
    assert found == [*(("game.ended", day, NOON),) * 2, ("game.started", NOON, NOON)]


async def test_of_some_categories_events_go_and_are_stored_again_once(
    enrich: Enrich, people: People, database_url: str
) -> None:
    """Such an erasure has no fence: a client may send again what it has in its queue."""
    await enrich.process(entry_of(_full("e1"), _full("e2", name="club.joined")))
    progress = await people.erase(_erasure(names=("game.ended",)))
    assert _counts(progress)["enrich.events"] == (1, 0, 0)
    stored = "SELECT name, subject_id FROM enrich.events ORDER BY name"
    with psycopg.connect(database_url) as connection:
        assert connection.execute(stored).fetchall() == [("club.joined", SUBJECT)]
    for _ in range(2):
        await enrich.process(entry_of(_full("e1")))
    with psycopg.connect(database_url) as connection:
        found = connection.execute(stored).fetchall()
    assert found == [("club.joined", SUBJECT), ("game.ended", SUBJECT)]


async def test_counts_are_those_of_what_is_committed(
    enrich: Enrich, engine: AsyncEngine, client: RedisClient, catalogs: Catalogs
) -> None:
    """After each transaction, whichever process has done it."""
    await enrich.process(entry_of(*(_full(f"e{number:04}") for number in range(2_500))))
    erasure, counted = _erasure(), []
    for _ in range(4):
        # Each ends after one transaction, without having heard of the others.
        progress = await People(engine, client, catalogs, call_seconds=0.0).data.erase(erasure)
        nameless = enrich.rows("subject_id, person, session_id").count((None, None, None))
        assert _counts(progress)["enrich.events"] == (0, nameless, 0)
        counted.append(nameless)
    assert counted == [1_000, 2_000, 2_500, 2_500]
    other = People(engine, client, catalogs)
    assert _counts(await other.erase(erasure))["enrich.events"] == (0, 2_500, 0)
    assert len(enrich.rows()) == 2_500


async def test_without_a_catalog_it_waits(
    enrich: Enrich, engine: AsyncEngine, client: RedisClient
) -> None:
    await enrich.process(entry_of(_full("e1")))
    people = People(engine, client, Catalogs.of())
    with pytest.raises(Unavailable):
        await people.data.erase(_erasure())
    assert len(enrich.rows()) == 1
