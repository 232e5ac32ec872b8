"""An erasure, from the first step to the last, with real stores of privacy and made-up services."""

import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import psycopg
import pytest

from libs.audit import Auditor, Caller
from libs.catalog import Catalogs, Snapshot, compile_catalog
from libs.common.clock import SystemClock
from libs.common.subject_data import Erasure, Progress, StoreCounts, SubjectRef
from libs.stores.postgres import create_engine
from libs.stores.redis_client import RedisClient
from libs.stores.redis_connection import RedisConnection
from libs.streams.positions import redis_now
from services.privacy.consent.postgres import PostgresConsentStore
from services.privacy.consent.receipts import Receipts
from services.privacy.consent.recording import Recorder
from services.privacy.consent.redis import RedisConsentMirror
from services.privacy.consent.resync_queue import ResyncQueue
from services.privacy.requests.asking import Asked, Asking
from services.privacy.requests.erasure import ErasureHandler
from services.privacy.requests.model import (
    Kind,
    RequestQuery,
    State,
    Step,
    StepState,
    SubjectRequest,
)
from services.privacy.requests.postgres import PostgresRequests
from services.privacy.requests.redis import RedisStreamClock
from services.privacy.sealing.redis import RetiredKeys
from tests.support.carrying_out import carry_out
from tests.support.pseudonyms import PSEUDONYMS
from tests.support.small_catalog import SMALL

APP = Caller("app")
DELETES = compile_catalog(SMALL, "chess.yaml")
ANONYMIZES = compile_catalog(
    SMALL.replace("events:\n", "erasure: {events: anonymize}\nevents:\n", 1), "chess.yaml"
)


class MadeUpService:
    """Has handled everything, and has nothing to erase. `diary` is what each service was asked to do, with
    the moment by Redis's clock; for a wait, until when."""

    def __init__(
        self, name: str, redis: RedisClient, diary: list[tuple[str, str, datetime]]
    ) -> None:
        self._name = name
        self._redis = redis
        self._diary = diary

    async def fence(self, subject: SubjectRef, fenced_at: datetime) -> datetime:
        now = await redis_now(self._redis)
        self._diary.append(("fence", self._name, now))
        return now

    async def settled(self, appended_before: datetime) -> bool:
        self._diary.append(("wait", self._name, appended_before))
        return True

    async def erase(self, erasure: Erasure) -> Progress:
        self._diary.append(("erase", self._name, await redis_now(self._redis)))
        return Progress(True, [])


class MadeUpEnrich(MadeUpService):
    """Needs two calls; between them the catalogs are changed. `asked` is what each call was to do."""

    def __init__(
        self, catalogs: Catalogs, redis: RedisClient, diary: list[tuple[str, str, datetime]]
    ) -> None:
        super().__init__("enrich", redis, diary)
        self._catalogs = catalogs
        self.asked: list[bool] = []

    async def erase(self, erasure: Erasure) -> Progress:
        await super().erase(erasure)
        self.asked.append(erasure.anonymizes_events)
        calls = len(self.asked)
        self._catalogs.replace(Snapshot.of(DELETES))
        counts = StoreCounts("enrich.events", 1, 10 * calls, 2, "a law")
        return Progress(calls == 2, [counts, StoreCounts("enrich.sessions", calls)])


@dataclass(frozen=True)
class Privacy:
    """What carries requests out, and what the other services were asked to do, as `MadeUpService` has it."""

    diary: list[tuple[str, str, datetime]]
    enrich: MadeUpEnrich
    requests: PostgresRequests
    asking: Asking
    handler: ErasureHandler

    async def ask(self, kind: Kind, *categories: str, delay_seconds: int = 0) -> SubjectRequest:
        asked = Asked(kind, "chess", "ann", None, categories)
        return await self.asking.ask(asked, APP, delay_seconds=delay_seconds)

    async def carry_out(self, request_id: uuid.UUID) -> SubjectRequest:
        """The erasure when it has ended."""
        return await carry_out(self.requests, self.handler, request_id)


@pytest.fixture
async def privacy(
    role_url: Callable[[str], str], redis_url: str, client: RedisClient
) -> AsyncIterator[Privacy]:
    catalogs, clock = Catalogs.of(ANONYMIZES), SystemClock()
    diary: list[tuple[str, str, datetime]] = []
    auditor, enrich = Auditor(PSEUDONYMS, clock), MadeUpEnrich(catalogs, client, diary)
    services: Any = {
        "ingest": MadeUpService("ingest", client, diary),
        "enrich": enrich,
        "aggregate": MadeUpService("aggregate", client, diary),
    }
    engine = create_engine(role_url("weir_privacy"), service="privacy")
    connection = RedisConnection(redis_url)
    await connection.start()
    mirror = RedisConsentMirror(connection, 1, PSEUDONYMS.all_epochs)
    store, requests = PostgresConsentStore(engine, 20), PostgresRequests(engine)
    recorder = Recorder(store, mirror, ResyncQueue(), auditor, clock, PSEUDONYMS.all_epochs)
    handler = ErasureHandler(
        catalogs,
        requests,
        services,
        RedisStreamClock(client),
        recorder,
        mirror,
        RetiredKeys(client),
        Receipts(b"key"),
        auditor,
        PSEUDONYMS,
        clock,
    )
    asking = Asking(catalogs, requests, auditor, PSEUDONYMS, clock, recorder.record)
    yield Privacy(diary, enrich, requests, asking, handler)
    await connection.aclose()
    await engine.dispose()


@pytest.mark.parametrize("categories", [(), ("play",)])
async def test_a_catalog_that_is_changed_meanwhile_changes_no_erasure_that_has_begun(
    privacy: Privacy, database_url: str, categories: tuple[str, ...]
) -> None:
    """And the trail says what became of the events, not only how many are gone."""
    asked = await privacy.ask(Kind.ERASURE, *categories)
    assert (await privacy.carry_out(asked.request_id)).state is State.DONE
    assert privacy.enrich.asked == [True, True]
    with psycopg.connect(database_url) as owner:
        [(details,)] = owner.execute(
            "SELECT details FROM privacy.audit_entries WHERE action = 'subject.erased'"
        ).fetchall()
    said = {name: count for name, count in details.items() if name.startswith("enrich.")}
    assert said == {
        "enrich.events": 1,
        "enrich.events.anonymized": 20,
        "enrich.events.withheld": 2,
        "enrich.sessions": 2,
    }


@pytest.mark.parametrize("categories", [(), ("play",)])
async def test_what_one_service_hands_on_while_another_erases_is_waited_for(
    privacy: Privacy, categories: tuple[str, ...]
) -> None:
    asked = await privacy.ask(Kind.ERASURE, *categories)
    assert (await privacy.carry_out(asked.request_id)).state is State.DONE
    fences = [("fence", each) for each in ("ingest", "enrich", "aggregate")]
    assert [(what, service) for what, service, _ in privacy.diary] == [
        *(fences if not categories else []),
        # Its dead letters are ingest's.
        ("wait", "enrich"),
        ("wait", "ingest"),
        ("erase", "ingest"),
        # An event of a dead letter that was replayed just before.
        ("wait", "enrich"),
        *[("erase", "enrich")] * 2,
        ("wait", "aggregate"),
        ("erase", "aggregate"),
    ]
    # Each wait is for all that came before it.
    moments = [moment for _, _, moment in privacy.diary]
    assert moments == sorted(moments)


async def test_an_erasure_that_an_earlier_release_began_goes_on(privacy: Privacy) -> None:
    """Of its steps ingest has been waited for."""
    asked = await privacy.ask(Kind.ERASURE)
    await privacy.handler.advance(asked)
    begun = await privacy.requests.get(asked.request_id)
    assert begun is not None
    assert begun.fenced_at is not None
    names = ("ingest", "enrich", "aggregate")
    since = {"since": begun.fenced_at.isoformat()}
    steps = [
        begun.steps[0],
        *(Step("fence", name, StepState.DONE, note=since) for name in names),
        Step("wait for writers", "ingest", StepState.DONE),
        *(Step("wait for writers", name) for name in names[1:]),
        *(Step("erase", name) for name in (*names, "privacy")),
    ]
    await privacy.requests.update(replace(begun, steps=steps))
    ended = await privacy.carry_out(asked.request_id)
    assert (ended.state, len(ended.steps)) == (State.DONE, len(steps))
    assert [(what, service) for what, service, _ in privacy.diary] == [
        ("wait", "enrich"),
        ("wait", "aggregate"),
        ("erase", "ingest"),
        *[("erase", "enrich")] * 2,
        ("erase", "aggregate"),
    ]


async def test_a_request_that_is_made_behind_the_fence_ends_without_the_persons_id(
    privacy: Privacy,
) -> None:
    """The erasure leaves it, since the person may have come back; its own end takes the id."""
    erasure = await privacy.ask(Kind.ERASURE)
    before = await privacy.ask(Kind.EXPORT)
    # Withdrawn, and fenced.
    await privacy.handler.advance(erasure)
    made = [
        await privacy.ask(Kind.EXPORT),
        await privacy.ask(Kind.ERASURE, "play", delay_seconds=3_600),
    ]
    await privacy.carry_out(erasure.request_id)
    for each in made:
        cancelled = await privacy.asking.cancel("chess", each.request_id, APP)
        assert (cancelled.state, cancelled.subject_id) == (State.CANCELLED, None)
    persons = PSEUDONYMS.all_epochs("chess", "ann")
    found = await privacy.requests.list(RequestQuery("chess", persons), None, 10)
    assert [(each.request_id, each.state, each.subject_id) for each in found] == [
        (made[1].request_id, State.CANCELLED, None),
        (made[0].request_id, State.CANCELLED, None),
        (before.request_id, State.FAILED, None),
        (erasure.request_id, State.DONE, None),
    ]
    # All at their end.
    assert found[2].done_at == found[3].done_at is not None
    assert all(each.done_at for each in found)
