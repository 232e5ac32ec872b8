"""An erasure, from the first step to the last, with real stores of privacy and made-up services."""

import uuid
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from libs.audit import Action, Auditor, Caller
from libs.catalog import Catalogs, Snapshot, compile_catalog
from libs.common.clock import SystemClock
from libs.common.subject_data import Erasure, Progress, StoreCounts, SubjectRef
from libs.stores.postgres import create_engine
from libs.stores.redis_client import RedisClient
from libs.stores.redis_connection import RedisConnection
from services.privacy.consent.postgres import PostgresConsentStore
from services.privacy.consent.receipts import Receipts
from services.privacy.consent.recording import Recorder
from services.privacy.consent.redis import RedisConsentMirror
from services.privacy.consent.resync_queue import ResyncQueue
from services.privacy.requests.erasure import ErasureHandler
from services.privacy.requests.model import Kind, State, SubjectRequest
from services.privacy.requests.postgres import PostgresRequests
from services.privacy.sealing.redis import RetiredKeys
from tests.support.pseudonyms import PSEUDONYMS
from tests.support.small_catalog import SMALL

DELETES = compile_catalog(SMALL, "chess.yaml")
ANONYMIZES = compile_catalog(
    SMALL.replace("events:\n", "erasure: {events: anonymize}\nevents:\n", 1), "chess.yaml"
)


class MadeUpEnrich:
    """Needs two calls; between them the catalogs are changed. `asked` is what each call was to do."""

    def __init__(self, catalogs: Catalogs) -> None:
        self._catalogs = catalogs
        self.asked: list[bool] = []

    async def fence(self, subject: SubjectRef, fenced_at: datetime) -> datetime:
        return fenced_at

    async def settled(self, appended_before: datetime) -> bool:
        return True

    async def erase(self, erasure: Erasure) -> Progress:
        self.asked.append(erasure.anonymizes_events)
        calls = len(self.asked)
        self._catalogs.replace(Snapshot.of(DELETES))
        counts = StoreCounts("enrich.events", 1, 10 * calls, 2, "a law")
        return Progress(calls == 2, [counts, StoreCounts("enrich.sessions", calls)])


@pytest.mark.parametrize("categories", [(), ("play",)])
async def test_a_catalog_that_is_changed_meanwhile_changes_no_erasure_that_has_begun(
    role_url: Callable[[str], str],
    database_url: str,
    redis_url: str,
    client: RedisClient,
    categories: tuple[str, ...],
) -> None:
    """And the trail says what became of the events, not only how many are gone."""
    catalogs, clock = Catalogs.of(ANONYMIZES), SystemClock()
    auditor, enrich = Auditor(PSEUDONYMS, clock), MadeUpEnrich(catalogs)
    async with AsyncExitStack() as stack:
        engine = create_engine(role_url("weir_privacy"), service="privacy")
        stack.push_async_callback(engine.dispose)
        connection = RedisConnection(redis_url)
        await connection.start()
        stack.push_async_callback(connection.aclose)
        services: Mapping[str, Any] = {"enrich": enrich}
        mirror = RedisConsentMirror(connection, 1, PSEUDONYMS.all_epochs)
        store, requests = PostgresConsentStore(engine, 20), PostgresRequests(engine)
        handler = ErasureHandler(
            catalogs,
            requests,
            services,
            Recorder(store, mirror, ResyncQueue(), auditor, clock, PSEUDONYMS.all_epochs),
            mirror,
            RetiredKeys(client),
            Receipts(b"key"),
            auditor,
            PSEUDONYMS,
            clock,
        )
        now, person = datetime.now(UTC), PSEUDONYMS.pseudonym("chess", "ann")
        asked = SubjectRequest(
            uuid.uuid4(), "chess", Kind.ERASURE, State.WAITING, person, "ann", categories, "app", now, now
        )  # fmt: skip
        entry = auditor.entry(Action.SUBJECT_REQUESTED, "chess", Caller("app"))
        request: SubjectRequest | None = await requests.create(asked, entry)
        while request is not None and request.is_open:
            await handler.advance(request)
            request = await requests.get(asked.request_id)
    assert request is not None
    assert request.state is State.DONE
    assert enrich.asked == [True, True]
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
