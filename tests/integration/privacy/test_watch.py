"""WatchConsent: what is committed, once and in order, whatever happens in between."""

import asyncio
from typing import Any

import grpc
import psycopg
import pytest
from weir.privacy.v1 import privacy_service_pb2 as pb

from services.privacy.settings import PrivacySettings
from tests.integration.privacy.conftest import APP, PURPOSE, Privacy, serving
from tests.support.clocks import FixedClock
from tests.support.rejections import reason_of
from tests.support.waiting import until

Seen = tuple[str, bool]


class Watching:
    """A call, and what it has said so far."""

    def __init__(self, privacy: Privacy, token: str = "", **fields: Any) -> None:
        request = pb.WatchConsentRequest(app_id=APP, resume_token=token, **fields)
        self._call = privacy.stub.WatchConsent(request, timeout=120)
        self.seen: list[Seen] = []
        self.token = token

    async def next(self) -> None:
        """Reads a message."""
        message = await self._call.read()
        assert message is not grpc.aio.EOF
        for change in message.changes:
            self.seen += [(change.subject_id, entry.granted) for entry in change.entries]
        self.token = message.resume_token

    async def until(self, count: int) -> list[Seen]:
        """Reads until so many changes were seen; returns these."""
        while len(self.seen) < count:
            await self.next()
        return self.seen

    def cut(self) -> None:
        self._call.cancel()


async def committed(database_url: str) -> list[Seen]:
    """All changes in the order of their commits, from the numbers in Postgres."""
    with psycopg.connect(database_url) as connection:
        return connection.execute(
            "SELECT subject_id, granted FROM privacy.consent_history"
            " ORDER BY change_number, purpose"
        ).fetchall()


async def test_a_watcher_gets_what_changes_from_now_on(privacy: Privacy) -> None:
    await privacy.record("before", telemetry=True)
    watching = Watching(privacy)
    await watching.next()
    assert (watching.seen, bool(watching.token)) == ([], True)
    await privacy.record("ann", telemetry=False)
    await privacy.record("bob", telemetry=True)
    assert await watching.until(2) == [("ann", False), ("bob", True)]
    watching.cut()


async def test_recordings_at_once_come_once_each_in_the_order_of_their_commits(
    privacy: Privacy, database_url: str
) -> None:
    """Cut after each few changes, and resumed; what was not seen before the cut comes after it."""
    people = [f"p{number}" for number in range(40)]

    async def record_all() -> None:
        await asyncio.gather(*(privacy.record(one, telemetry=True) for one in people))

    recording = asyncio.create_task(record_all())
    seen: list[Seen] = []
    token = ""
    while len(seen) < len(people):
        watching = Watching(privacy, token, from_beginning=not token)
        await watching.next()
        await watching.until(1)
        seen, token = seen + watching.seen, watching.token
        watching.cut()
    await recording
    assert seen == await committed(database_url)
    assert sorted(seen) == sorted((one, True) for one in people)


async def test_what_is_rolled_back_is_not_seen_and_leaves_no_gap(
    privacy: Privacy, database_url: str
) -> None:
    watching = Watching(privacy)
    await watching.next()
    with psycopg.connect(database_url) as connection:

        def is_chained() -> bool:
            unchained = "SELECT count(*) FROM privacy.audit_entries WHERE sequence IS NULL"
            return connection.execute(unchained).fetchone() == (0,)

        # That the watch began: the chain must not wait for the lock as well.
        await until(is_chained)
        # The history is written, and the commit does not come in time.
        connection.execute("LOCK TABLE privacy.audit_entries IN EXCLUSIVE MODE")
        call = privacy.stub.RecordConsent(
            pb.RecordConsentRequest(
                app_id=APP,
                subject_id="ann",
                choices=[pb.ConsentChoice(purpose=PURPOSE, granted=True)],
                actor="ann",
                method="test",
                notice_version="1",
            ),
            timeout=1,
        )
        with pytest.raises(grpc.RpcError):
            await call

        def is_cancelled() -> bool:
            waiting = "SELECT count(*) FROM pg_locks WHERE granted = false"
            return connection.execute(waiting).fetchone() == (0,)

        # Else the service could get the lock before it knows that its caller has gone.
        await until(is_cancelled)
        connection.rollback()
    await privacy.record("bob", telemetry=True)
    assert await watching.until(1) == [("bob", True)]
    watching.cut()
    with psycopg.connect(database_url) as connection:
        numbers = connection.execute("SELECT change_number FROM privacy.consent_history").fetchall()
    assert numbers == [(1,)]


async def test_a_token_goes_on_at_another_process_and_after_redis_was_emptied(
    privacy: Privacy, settings: PrivacySettings, redis: Any, clock: FixedClock
) -> None:
    watching = Watching(privacy)
    await watching.next()
    await privacy.record("ann", telemetry=True)
    await watching.until(1)
    watching.cut()
    await privacy.record("bob", telemetry=True)
    redis.kill()
    redis.start()
    await privacy.until_whole()
    # It shares nothing with the first but the stores.
    async with serving(settings, clock) as second:
        resumed = Watching(second, watching.token)
        # Recorded at one process, seen at the other.
        await privacy.record("eve", telemetry=False)
        assert await resumed.until(2) == [("bob", True), ("eve", False)]
        resumed.cut()


async def test_a_token_from_which_nothing_is_kept_says_how_to_begin_again(
    privacy: Privacy, database_url: str
) -> None:
    await privacy.record("ann", telemetry=True)
    watching = Watching(privacy, from_beginning=True)
    await watching.until(1)
    await privacy.record("bob", telemetry=True)
    watching.cut()

    def is_numbered() -> bool:
        with psycopg.connect(database_url) as connection:
            last = "SELECT last_number FROM privacy.consent_changes"
            return connection.execute(last).fetchone() == (2,)

    # Else it would be after the restore.
    await until(is_numbered)
    for statement in (
        "UPDATE privacy.consent_changes SET forgotten_through = 2",
        # Restored from a backup of before.
        "UPDATE privacy.consent_changes SET forgotten_through = 0, last_number = 0",
    ):
        with psycopg.connect(database_url) as connection:
            connection.execute(statement)
        with pytest.raises(grpc.RpcError) as caught:
            await Watching(privacy, watching.token).next()
        assert reason_of(caught.value)[:2] == ("FAILED_PRECONDITION", "WATCH_TOKEN_EXPIRED")
        assert "from_beginning" in (caught.value.details() or "")


async def test_another_apps_token_is_refused(privacy: Privacy) -> None:
    token = await privacy.record("ann", telemetry=True)
    with pytest.raises(grpc.RpcError) as caught:
        await Watching(privacy, token).next()
    assert reason_of(caught.value) == ("INVALID_ARGUMENT", "ARGUMENT_INVALID", "resume_token")
