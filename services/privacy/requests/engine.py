"""Carries requests out: each by one process at a time, a part after the other, going on after anything."""

import asyncio
from collections.abc import Mapping
from functools import partial
from itertools import count
from typing import Protocol
from uuid import UUID

import grpc
import structlog

from libs.common.clock import Clock, moment_of
from libs.common.errors import Unavailable
from libs.runtime.loops import repeat
from services.privacy.requests.model import Kind, SubjectRequest
from services.privacy.requests.postgres import PostgresRequests

log = structlog.get_logger()
_POLL_SECONDS = 1.0
_AT_A_TIME = 4
_OPEN_AT_MOST = 10_000
# What is asked of another service again a little later.
_NOT_NOW = (
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.INTERNAL,
    grpc.StatusCode.UNKNOWN,
    grpc.StatusCode.CANCELLED,
)


class Handler(Protocol):
    """Carries out requests of one kind."""

    async def advance(self, request: SubjectRequest) -> bool:
        """Does a bounded part of the request, and writes down how far it has come; repeating a part that was
        not written down changes nothing. Whether the next part can be done at once: False if it has to wait
        for something. Raises what stores and other services raise while they are away."""
        ...


class RequestEngine:
    """One replica's part: it works on requests that no other replica works on."""

    def __init__(
        self,
        requests: PostgresRequests,
        handlers: Mapping[Kind, Handler],
        clock: Clock,
        transient: tuple[type[Exception], ...],
    ) -> None:
        self._requests = requests
        self._handlers = handlers
        self._clock = clock
        self._transient: tuple[type[Exception], ...] = (*transient, Unavailable)
        self._working: dict[UUID, asyncio.Task[None]] = {}
        # When each open request had its last turn here: a number that grows.
        self._turns: dict[UUID, int] = {}
        self._next_turn = count(1)

    async def run(self, stop: asyncio.Event) -> None:
        """Works until `stop` is set; requests that are under way then go on elsewhere, or after a restart."""
        try:
            await repeat(
                lambda: self._begin(stop),
                _POLL_SECONDS,
                stop,
                transient=self._transient,
                warning="requests about people cannot be read",
            )
        finally:
            for task in self._working.values():
                task.cancel()
            await asyncio.gather(*self._working.values(), return_exceptions=True)

    async def _begin(self, stop: asyncio.Event) -> None:
        """Begins work on requests that are due, first on those that have waited longest for a turn: some
        wait for days, and must not keep others from theirs."""
        due = await self._requests.due(moment_of(self._clock.now_us()), _OPEN_AT_MOST)
        self._turns = {each: self._turns.get(each, 0) for each in due}
        for request_id in sorted(due, key=self._turns.__getitem__):
            if len(self._working) >= _AT_A_TIME:
                return
            if request_id not in self._working:
                self._turns[request_id] = next(self._next_turn)
                task = asyncio.create_task(self._work(request_id, stop))
                self._working[request_id] = task
                task.add_done_callback(partial(self._forget, request_id))

    def _forget(self, request_id: UUID, _: "asyncio.Task[None]") -> None:
        self._working.pop(request_id, None)

    async def _work(self, request_id: UUID, stop: asyncio.Event) -> None:
        try:
            async with self._requests.turn(request_id) as is_ours:
                while is_ours and not stop.is_set():
                    request = await self._requests.get(request_id)
                    if request is None or not request.is_open:
                        return
                    if not await self._handlers[request.kind].advance(request):
                        return
        except grpc.aio.AioRpcError as error:
            if error.code() not in _NOT_NOW:
                log.error("a request about a person cannot go on", error=str(error.code()))
            else:
                log.info("a request about a person waits for a service", error=str(error.code()))
        except self._transient as error:
            log.info("a request about a person waits for a store", error=type(error).__name__)
        except Exception as error:
            # Tried again: what is promised to a person does not end with an error in a part of it.
            log.error("a request about a person failed", error=type(error).__name__, exc_info=True)
