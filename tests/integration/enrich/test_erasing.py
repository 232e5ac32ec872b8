"""Erasing a person's events: what goes, what stays, and what is counted, however often it is begun."""

import asyncio
import uuid
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.catalog import Catalogs, compile_catalog
from libs.common.clock import DAY_US, SystemClock
from libs.common.ids import uuid8
from libs.common.pseudonym import event_text
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
from services.enrich.partitions.plan import Leaf, PartitionChange
from services.enrich.partitions.postgres import PostgresPartitionStore
from services.enrich.sessions.redis import RedisSessionStore
from services.enrich.settings import EnrichSettings
from services.enrich.subject_rows.postgres import SubjectRows
from tests.integration.enrich.conftest import Enrich
from tests.support.archived_rows import NO_ARCHIVE
from tests.support.enrich_batches import NOON, NOON_US, entry_of, event
from tests.support.pseudonyms import PSEUDONYMS
from tests.support.small_catalog import SMALL
from tests.support.waiting import until

CATALOG = compile_catalog(
    SMALL.replace("subject: {name: player}", "subject: {name: player, entity_types: [player]}"),
    "chess.yaml",
)
ANNA = SubjectRef("chess", "anna", tuple(PSEUDONYMS.all_epochs("chess", "anna")))

DAY = timedelta(days=1)
NOON_DAY = NOON - timedelta(hours=12)


def _erasure(**fields: Any) -> Erasure:
    return Erasure(ANNA, uuid.uuid4(), NOON, **fields)


@pytest.fixture
def data(engine: AsyncEngine, client: RedisClient) -> EnrichSubjectData:
    return _data(engine, client)


def _data(engine: AsyncEngine, client: RedisClient, **limits: Any) -> EnrichSubjectData:
    sessions = RedisSessionStore(client.commands, SystemClock(), 3_600)
    return EnrichSubjectData(
        Catalogs.of(CATALOG),
        ErasedEvents(engine),
        Fences(engine, PSEUDONYMS, Catalogs.of(CATALOG)),
        sessions,
        client,
        1,
        SubjectRows(engine, sessions, EnrichSettings(), NO_ARCHIVE),
        ArchivedPeople(Catalogs.of(CATALOG), PostgresArchive(engine), _no_archive),
        QuarantineErasure(client, Catalogs.of(CATALOG), "enrich", 1, raw_without),
        AnonymizedEvents(Catalogs.of(CATALOG), PSEUDONYMS),
        PSEUDONYMS,
        **limits,
    )


async def _no_archive(_: bytes) -> Mapping[str, Any]:
    raise AssertionError("there is no archived event, so no process is started")


async def _erase(data: EnrichSubjectData, erasure: Erasure) -> Progress:
    while not (progress := await data.erase(erasure)).done:
        pass
    return progress


def _counts(progress: Progress) -> dict[str, tuple[int, int, int]]:
    return {each.store: (each.erased, each.anonymized, each.withheld) for each in progress.stores}


async def test_events_and_sessions_go_and_those_of_others_stay(
    enrich: Enrich, data: EnrichSubjectData
) -> None:
    await enrich.process(
        entry_of(
            event("a1", subject_id="anna", session_id="s-anna"),
            event("a2", anonymous_id=ANNA.persons[0]),
            event("b1", subject_id="ben", session_id="s-ben"),
        )
    )
    progress = await _erase(data, _erasure())
    assert enrich.rows() == [("b1",)]
    assert _counts(progress) == {
        "enrich.events": (2, 0, 0),
        "enrich.sessions": (1, 0, 0),
        "enrich.quarantine": (0, 0, 0),
    }
    assert progress.changed == {"game.ended": ["2026-11-20"]}


async def test_an_event_of_another_that_names_the_person_stays_without_the_name(
    enrich: Enrich, data: EnrichSubjectData
) -> None:
    nested = b'{"moves": 3, "deep": {"rivals": ["anna", "carl"], "anna": 1}, "note": "anna b"}'
    player = event("b2", subject_id="ben")
    player.entity.type, player.entity.id = "player", "anna"
    await enrich.process(entry_of(event("b1", subject_id="ben", properties_json=nested), player))
    progress = await _erase(data, _erasure())
    assert enrich.rows("event_id, entity_id, properties") == [
        ("b1", None, {"moves": 3, "deep": {"rivals": ["carl"]}, "note": "anna b"}),
        ("b2", ANNA.persons[0], {}),
    ]
    assert _counts(progress)["enrich.events"] == (0, 2, 0)


async def test_what_is_around_the_properties_is_without_the_person_as_at_ingest(
    enrich: Enrich, data: EnrichSubjectData
) -> None:
    person_id = "teacher-4711-of-the-school"
    pseudonym = PSEUDONYMS.pseudonym("chess", person_id)
    teacher = SubjectRef("chess", person_id, (pseudonym,))
    named = event(f"lesson-{person_id}", subject_id="ben")
    named.session_id, named.group_id, named.request_id = f"s-{person_id}", person_id, person_id
    named.context.teacher_id, named.context.class_id = person_id, "7b"
    named.context.page_url = f"https://school.example/teachers/{person_id}/lessons"
    named.context.extra.update({"coach": person_id, "room": 12})
    named.entity.type, named.entity.id = "classroom", f"{person_id}/7b"
    named.attribution.campaign, named.attribution.source = person_id, "mail"
    await enrich.process(entry_of(named))
    progress = await _erase(data, Erasure(teacher, uuid.uuid4(), NOON))
    keyed = PSEUDONYMS.pseudonym("chess", event_text(f"lesson-{person_id}"))
    assert enrich.rows(
        "event_uuid, event_id, subject_id, session_id, group_id, request_id, entity_type, entity_id, context,"
        " attribution"
    ) == [
        (
            uuid.UUID(bytes=uuid8(bytes.fromhex(keyed))),
            *(None, "ben", f"s-{pseudonym}", pseudonym, None, "classroom", f"{pseudonym}/7b"),
            {
                "class_id": "7b",
                "page_url": "https://school.example/teachers/[person]/lessons",
                "extra": {"room": 12},
            },
            {"source": "mail"},
        )
    ]
    # So numbers by teacher are counted again.
    assert progress.changed == {"game.ended": ["2026-11-20"]}
    assert _counts(progress)["enrich.events"] == (0, 1, 0)


async def test_an_event_that_came_again_meanwhile_is_there_once(
    enrich: Enrich, data: EnrichSubjectData
) -> None:
    """Ingest has taken the person out of what came later, and made its id of the first one's."""
    person_id = "teacher-4711-of-the-school"
    teacher = SubjectRef("chess", person_id, (PSEUDONYMS.pseudonym("chess", person_id),))
    keyed = PSEUDONYMS.pseudonym("chess", event_text(f"lesson-{person_id}"))
    again = str(uuid.UUID(bytes=uuid8(bytes.fromhex(keyed))))
    first, second = event(f"lesson-{person_id}", subject_id="ben"), event(again, subject_id="ben")
    await enrich.process(entry_of(first), entry_of(second))
    await _erase(data, Erasure(teacher, uuid.uuid4(), NOON))
    assert enrich.rows("event_uuid, event_id") == [(uuid.UUID(again), None)]


async def test_a_short_id_is_found_only_where_ids_of_people_are(
    enrich: Enrich, data: EnrichSubjectData
) -> None:
    """The group, the class, the version and the request may be called as a person is."""
    named = event("e-anna", subject_id="ben", group_id="anna", request_id="r-anna")
    named.context.teacher_id = named.context.app_version = named.context.class_id = "anna"
    named.context.extra["coach"] = "anna"
    named.entity.type, named.entity.id = "ship", "anna"
    await enrich.process(entry_of(named))
    await _erase(data, _erasure())
    assert enrich.rows("event_id, group_id, request_id, entity_id, context") == [
        (
            "e-anna",
            "anna",
            "r-anna",
            "anna",
            {"app_version": "anna", "class_id": "anna", "extra": {}},
        )
    ]


@pytest.mark.parametrize("event_uuid", ["event_uuid", "gen_random_uuid()"])
async def test_an_event_that_names_two_erased_people_loses_both(
    enrich: Enrich, data: EnrichSubjectData, database_url: str, event_uuid: str
) -> None:
    """The other erasure has changed the event, perhaps with its id, and has not committed when this one comes
    to it."""
    rivals = b'{"rivals": ["anna", "carl", "dora"]}'
    await enrich.process(entry_of(event("b1", subject_id="ben", properties_json=rivals)))
    async with await psycopg.AsyncConnection.connect(database_url) as other:
        await other.execute(
            f"""UPDATE enrich.events SET properties = '{{"rivals": ["anna", "dora"]}}',
            event_uuid = {event_uuid}""".encode()
        )
        erasing = asyncio.create_task(_erase(data, _erasure()))
        async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as third:
            await until(lambda: _waits(third))
        await other.commit()
        await erasing
    assert enrich.rows("properties") == [({"rivals": ["dora"]},)]


async def _waits(connection: psycopg.AsyncConnection) -> bool:
    """Whether anyone waits for a row of this database."""
    cursor = await connection.execute(
        "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    return bool(cursor.rowcount)


async def test_what_a_law_keeps_stays_and_is_named(enrich: Enrich, data: EnrichSubjectData) -> None:
    await enrich.process(
        entry_of(
            event("a1", subject_id="anna"),
            event("a2", subject_id="anna", name="club.joined"),
        )
    )
    progress = await _erase(data, _erasure(withheld={"club.joined": "Rules of the association"}))
    assert enrich.rows() == [("a2",)]
    [events] = [each for each in progress.stores if each.store == "enrich.events"]
    assert (events.erased, events.withheld) == (1, 1)
    assert events.withheld_because == "Rules of the association"


async def test_counts_are_those_of_the_whole_erasure_however_often_it_is_asked(
    enrich: Enrich, engine: AsyncEngine, client: RedisClient
) -> None:
    await enrich.process(entry_of(*(event(f"a{n}", subject_id="anna") for n in range(5))))
    data, erasure = _data(engine, client, call_seconds=0.0), _erasure()
    first = await data.erase(erasure)
    assert not first.done
    # As if the answer had been lost, and the request went on in another process.
    assert _counts(await _erase(data, erasure))["enrich.events"] == (5, 0, 0)
    assert _counts(await _erase(data, erasure))["enrich.events"] == (5, 0, 0)
    assert enrich.rows() == []


async def test_someone_elses_subject_and_another_apps_subject_stay(
    enrich: Enrich, data: EnrichSubjectData
) -> None:
    await enrich.process(
        entry_of(event("b1", subject_id="annabel")),
        entry_of(event("s1", subject_id="anna"), app_id="shogi"),
    )
    progress = await _erase(data, _erasure())
    assert enrich.rows() == [("b1",), ("s1",)]
    assert _counts(progress)["enrich.events"] == (0, 0, 0)


async def test_each_call_does_a_part_and_a_merge_of_partitions_hides_nothing(
    enrich: Enrich, engine: AsyncEngine, client: RedisClient
) -> None:
    """Others name the person on three days and under two names, each of which has a partition for itself at
    first."""
    store = PostgresPartitionStore(engine)
    days = [Leaf("90d", day, day + DAY) for day in (NOON_DAY, NOON_DAY + DAY, NOON_DAY + 2 * DAY)]
    for leaf in days:
        await store.apply(PartitionChange(leaf))
    naming = b'{"rival": "anna"}'
    await enrich.process(
        entry_of(
            event("own", subject_id="anna"),
            *(
                event(
                    f"{name} {day} {number}",
                    NOON_US + day * DAY_US + number,
                    subject_id="ben",
                    name=name,
                    properties_json=naming if number else b"{}",
                )
                for name in ("game.ended", "game.started")
                for day in range(3)
                for number in range(3)
            ),
        )
    )
    data, erasure = _data(engine, client, call_seconds=0.0, events_at_a_time=1), _erasure()
    left, calls, merged = [12], 0, False
    while not (progress := await data.erase(erasure)).done:
        calls += 1
        left.append(_naming(enrich))
        assert left[-2] - left[-1] <= 1
        if left[-1] == 9 and not merged:
            # Into the first day's, which is done of this name.
            merged = await store.apply(
                PartitionChange(Leaf("90d", days[0].start, days[-1].end, days[0].name), tuple(days))
            )
    assert merged
    # A part for each of 18 events, some for what has none.
    assert (left[-1], calls >= 18) == (0, True)
    assert _counts(progress)["enrich.events"] == (1, 12, 0)
    assert progress.changed == {
        name: ["2026-11-20", "2026-11-21", "2026-11-22"] for name in ("game.ended", "game.started")
    }


def _naming(enrich: Enrich) -> int:
    return sum("anna" in str(properties) for (properties,) in enrich.rows("properties"))
