"""What is known of an erased person's consent, also while the mirror is filled."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pytest
from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.audit import Action, Auditor, Caller
from libs.catalog import Catalogs, compile_catalog
from libs.common.clock import SystemClock
from libs.common.pseudonym import Pseudonymizer
from libs.consent import ConsentReader, Decision, Status, consent_key, decisions_for
from libs.stores.postgres import create_engine
from libs.stores.redis_connection import RedisConnection
from services.privacy.consent.checking import Checker
from services.privacy.consent.mirror_sync import MirrorSync
from services.privacy.consent.model import BEGINNING, Recording, StoredState, Subject
from services.privacy.consent.postgres import PostgresConsentStore
from services.privacy.consent.recording import Recorder
from services.privacy.consent.redis import RedisConsentMirror
from services.privacy.consent.resync_queue import ResyncQueue
from services.privacy.requests.model import Kind, State, SubjectRequest
from services.privacy.requests.own_data import erase_own
from services.privacy.requests.postgres import PostgresRequests
from tests.support.pseudonyms import PSEUDONYM_KEY
from tests.support.small_catalog import SMALL

EPOCHS = Pseudonymizer(PSEUDONYM_KEY.encode(), epoch=2)
NOW = datetime.now(UTC)
LATER = compile_catalog(
    SMALL.replace("categories:\n", "  later: {default: granted, when_denied: drop}\ncategories:\n"),
    "chess.yaml",
)
SHARDS = 3
ANN = Subject("chess", "ann")


class PausingStore(PostgresConsentStore):
    """Postgres, which has read a page, and is not heard of before `go_on` is set."""

    def __init__(self, engine: AsyncEngine) -> None:
        super().__init__(engine, 20)
        self.has_read, self.go_on = asyncio.Event(), asyncio.Event()

    async def page(self, app_id: str, after_subject_id: str, limit: int) -> list[StoredState]:
        found = await super().page(app_id, after_subject_id, limit)
        self.has_read.set()
        await self.go_on.wait()
        return found


@dataclass
class Scene:
    """Privacy's consent on real stores, and its readers."""

    engine: AsyncEngine
    redis: Redis
    mirror: RedisConsentMirror
    reader: ConsentReader
    store: PausingStore

    def __post_init__(self) -> None:
        self.resyncs = ResyncQueue()
        clock = SystemClock()
        self.recorder = Recorder(
            self.store, self.mirror, self.resyncs, Auditor(EPOCHS, clock), clock, EPOCHS.all_epochs
        )
        self.catalogs = Catalogs.of(LATER)
        self.sync = MirrorSync(
            self.catalogs, self.store, self.mirror, self.resyncs, 10, EPOCHS.all_epochs
        )

    async def record(self, **choices: bool) -> int:
        statuses = {p: Status.GRANTED if yes else Status.DENIED for p, yes in choices.items()}
        recording = Recording(ANN, statuses, "ann", "test", "1")
        return (await self.recorder.record(recording, Caller("a token"))).version

    async def fill(self) -> None:
        self.store.go_on.set()
        assert await self.sync.fill("chess")

    async def restrict(self, *, restricts: bool = True) -> None:
        recording = Recording(ANN, {}, "op", "contested", "", restricts=restricts)
        await self.recorder.record(recording, Caller("a token"))

    async def erase(self, meanwhile: Callable[[], Awaitable[object]] | None = None) -> None:
        """As the first and the last step of an erasure do; `meanwhile` between them."""
        withdrawal = await self.record(telemetry=False)
        if meanwhile is not None:
            await meanwhile()
        persons = EPOCHS.all_epochs(*ANN)
        request = SubjectRequest(
            *(uuid.uuid4(), "chess", Kind.ERASURE, State.RUNNING, persons[0], "ann", (), "ann"),
            *(NOW, NOW),
            fenced_at=NOW,
        )
        async with self.engine.begin() as connection:
            await erase_own(connection, self.mirror, request, withdrawal, persons, NOW)

    async def decisions(self, purpose: str) -> set[Decision]:
        """By the mirror and by Postgres, which have to agree."""
        [text] = await self.reader.read("chess", ["ann"])
        mirrored = decisions_for(LATER.purposes[purpose]).of(text, 0)
        away = ConsentReader("redis://127.0.0.1:1", 1)
        checker = Checker(self.catalogs, away, self.store, SystemClock(), EPOCHS.all_epochs)
        return {mirrored, (await checker.check("chess", "ann", purpose, "")).decision}

    async def holds_the_id(self) -> bool:
        keys = [consent_key("chess", shard) for shard in range(SHARDS)]
        return any([await self.redis.hexists(key, "ann") for key in keys])


@pytest.fixture
async def scene(role_url: Callable[[str], str], redis_url: str) -> AsyncIterator[Scene]:
    async with AsyncExitStack() as stack:
        engine = create_engine(role_url("weir_privacy"), service="privacy")
        stack.push_async_callback(engine.dispose)
        connection = RedisConnection(redis_url)
        reader = ConsentReader(redis_url, SHARDS, pseudonyms=EPOCHS.all_epochs)
        for each in (connection, reader):
            await each.start()
            stack.push_async_callback(each.aclose)
        redis = await stack.enter_async_context(Redis.from_url(redis_url))
        mirror = RedisConsentMirror(connection, SHARDS, EPOCHS.all_epochs)
        yield Scene(engine, redis, mirror, reader, PausingStore(engine))


async def test_a_fill_that_has_read_before_the_erasure_does_not_put_the_id_back(
    scene: Scene,
) -> None:
    await scene.record(telemetry=True)
    filling = asyncio.create_task(scene.sync.fill("chess"))
    await scene.store.has_read.wait()
    await scene.erase()
    assert not await scene.holds_the_id()
    scene.store.go_on.set()
    assert await filling
    assert not await scene.holds_the_id()
    assert await scene.decisions("telemetry") == {Decision.ANONYMIZE}


async def test_a_write_or_a_repair_that_comes_late_does_not_put_the_id_back(scene: Scene) -> None:
    granted = await scene.record(telemetry=True)
    await scene.fill()
    await scene.erase()
    # Of a process that was stopped between the commit of a grant and its write to the mirror.
    assert await scene.mirror.put("chess", {"ann": b"%d +telemetry" % granted}) > granted
    await scene.sync.repair(ANN)
    assert not await scene.holds_the_id()
    assert await scene.decisions("telemetry") == {Decision.ANONYMIZE}


@pytest.mark.parametrize("is_emptied", [False, True])
@pytest.mark.parametrize("by", ["a repair", "lifting nothing"])
async def test_nothing_recorded_of_an_erased_person_is_mirrored_without_the_id(
    scene: Scene, by: str, *, is_emptied: bool
) -> None:
    """Of a mirror that has lost everything, repairs come before the fill."""
    await scene.record(telemetry=True)
    await scene.fill()
    await scene.erase()
    async with scene.store.transaction(ANN) as transaction:
        uncommitted = await transaction.next_version()
    if is_emptied:
        await scene.redis.flushall()
    if by == "a repair":
        await scene.sync.repair(ANN)
    else:
        await scene.restrict(restricts=False)
    assert not await scene.holds_the_id()
    # Of a person who came back: of a process that was stopped before the write, and whose commit failed.
    await scene.mirror.put("chess", {"ann": b"%d -telemetry" % uncommitted})
    assert not await scene.holds_the_id()
    await scene.fill()
    for purpose, decision in (("telemetry", Decision.ANONYMIZE), ("later", Decision.DROP)):
        assert await scene.decisions(purpose) == {decision}
    # What is recorded from then on is newer.
    await scene.record(telemetry=True, later=True)
    assert await scene.decisions("later") == {Decision.ALLOW}


async def test_an_erased_person_has_agreed_to_nothing_that_they_do_not_answer(
    scene: Scene,
) -> None:
    await scene.fill()
    assert await scene.decisions("later") == {Decision.ALLOW}
    await scene.record(telemetry=True)
    # When the person was erased, the catalog had no such purpose.
    await scene.erase()
    assert await scene.decisions("later") == {Decision.DROP}
    await scene.fill()
    assert await scene.decisions("later") == {Decision.DROP}

    # The person comes back: what they agree to, and nothing else.
    await scene.record(telemetry=True)
    for _ in range(2):
        assert await scene.decisions("telemetry") == {Decision.ALLOW}
        assert await scene.decisions("later") == {Decision.DROP}
        await scene.redis.flushall()
        await scene.fill()
    await scene.record(later=True)
    assert await scene.decisions("later") == {Decision.ALLOW}


@pytest.mark.parametrize("is_killed", [False, True])
async def test_an_erasure_ends_the_restriction_of_a_person_who_agrees_meanwhile(
    scene: Scene, *, is_killed: bool
) -> None:
    await scene.restrict()
    await scene.fill()
    await scene.erase(lambda: scene.record(telemetry=True))
    # Until the commit is mirrored, the stricter state is in force.
    assert (await scene.reader.read_one("chess", "ann") or b"").endswith(b" * +telemetry")
    if is_killed:
        await scene.fill()
    else:
        await scene.sync.repair(ANN)
    assert await scene.decisions("telemetry") == {Decision.ALLOW}
    [state] = await scene.store.read("chess", ["ann"])
    assert state is not None
    assert state.restriction is None
    history = await scene.store.history(ANN, BEGINNING, 10)
    assert [(each.purpose, each.restricts, each.method) for each in history] == [
        ("telemetry", None, "test"),
        ("*", False, "erasure"),
    ]


async def test_a_restriction_that_was_made_since_the_person_agreed_again_stays(
    scene: Scene,
) -> None:
    async def meanwhile() -> None:
        await scene.record(telemetry=True)
        await scene.restrict()

    await scene.fill()
    await scene.erase(meanwhile)
    await scene.sync.repair(ANN)
    assert await scene.decisions("telemetry") == {Decision.DROP}


async def test_an_erasure_takes_the_hashes_of_corrected_values_away(scene: Scene) -> None:
    """A rectification that has changed its event has the pseudonym alone, and hashes of what was given."""
    old = EPOCHS.all_epochs(*ANN)[-1]
    parameters = {"event": str(uuid.uuid4()), "properties": {"diary": "ab" * 16}}
    request = SubjectRequest(
        *(uuid.uuid4(), "chess", Kind.RECTIFICATION, State.RUNNING, old, None, (), "ann"),
        *(NOW, NOW),
        parameters=parameters,
        result={"rectified": {"diary": ["", "cd" * 16]}},
    )
    requests = PostgresRequests(scene.engine)
    entry = Auditor(EPOCHS, SystemClock()).entry(
        Action.SUBJECT_REQUESTED, "chess", Caller("ann"), person=old
    )
    await requests.create(request, entry)
    await requests.update(replace(request, state=State.DONE))
    await scene.fill()
    await scene.erase()
    found = await requests.get(request.request_id)
    assert found is not None
    assert (found.parameters, found.result) == ({"event": parameters["event"]}, None)
    assert found.state is State.DONE
