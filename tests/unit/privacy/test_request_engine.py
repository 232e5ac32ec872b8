"""Whose turn it is: requests that wait keep no other from theirs."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import cast
from uuid import UUID

import pytest

from services.privacy.requests import engine as engine_module
from services.privacy.requests.engine import RequestEngine
from services.privacy.requests.model import Kind, State, SubjectRequest
from services.privacy.requests.postgres import PostgresRequests
from tests.support.clocks import FixedClock

MOMENT = datetime(2026, 11, 20, tzinfo=UTC)
ON_HOLD = [UUID(int=number) for number in range(1, 10)]
READY = UUID(int=99)


class Journal:
    """The longest due first: all that are on hold before the one that is ready."""

    def __init__(self) -> None:
        self.requests = {each: _request(each) for each in (*ON_HOLD, READY)}

    async def due(self, now: datetime, limit: int) -> Sequence[UUID]:
        return [each for each, request in self.requests.items() if request.is_open][:limit]

    @asynccontextmanager
    async def turn(self, request_id: UUID) -> AsyncIterator[bool]:
        yield True

    async def get(self, request_id: UUID) -> SubjectRequest:
        return self.requests[request_id]


class Holding:
    """Does what is ready, in two parts."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.done = asyncio.Event()

    async def advance(self, request: SubjectRequest) -> bool:
        if request.request_id != READY:
            return False
        state = State.RUNNING if request.state is State.WAITING else State.DONE
        self.journal.requests[READY] = replace(request, state=state)
        if state is State.DONE:
            self.done.set()
        return True


def _request(request_id: UUID) -> SubjectRequest:
    return SubjectRequest(
        request_id, "chess", Kind.ERASURE, State.WAITING, "p", "ann", (), "app", MOMENT, MOMENT
    )


async def test_requests_on_hold_keep_no_other_from_its_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(engine_module, "_POLL_SECONDS", 0.001)
    journal, stop = Journal(), asyncio.Event()
    handler = Holding(journal)
    engine = RequestEngine(
        cast(PostgresRequests, journal), {Kind.ERASURE: handler}, FixedClock(MOMENT), ()
    )
    running = asyncio.create_task(engine.run(stop))
    try:
        async with asyncio.timeout(20):
            await handler.done.wait()
    finally:
        stop.set()
        await running
