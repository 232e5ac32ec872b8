"""Measures each call: how long it took, and the status that it ended with."""

import asyncio
import time
from types import TracebackType
from typing import Any

import grpc

from libs.rpc.metrics import CALL_SECONDS, OPEN_CALLS, method_label
from libs.runtime.workers.shared_metrics import metrics_are_shared

# What the conventions want for methods that the server does not know: callers could invent any number.
OTHER = "_OTHER"
# Calls under way by method. Plain numbers, because a gauge takes a lock for each change: all calls of a
# process are answered in one event loop, and its thread alone changes them.
_open: dict[str, list[int]] = {}
_NAMES = {code.value[0]: code.name for code in grpc.StatusCode}


class CallMeter:
    """The measurements of one method, whose full name is `/package.Service/Method` or OTHER."""

    def __init__(self, method: str) -> None:
        self._method = method_label(method)
        self._by_code: dict[str, Any] = {}
        self._open = _open_calls(self._method)
        self._measured = _SharedMeasuredCall if metrics_are_shared() else _MeasuredCall

    def measure(self, context: grpc.aio.ServicerContext) -> "_MeasuredCall":
        """A context manager around the answering of one call."""
        return self._measured(self, context)

    def count(self, code: str, seconds: float = 0.0) -> None:
        """Notes a call that ended with this status."""
        measured = self._by_code.get(code)
        if measured is None:
            measured = self._by_code[code] = CALL_SECONDS.labels("grpc", self._method, code)
        measured.observe(seconds)

    def publish_open(self) -> None:
        """Writes the number of calls under way to the gauge."""
        OPEN_CALLS.labels(self._method).set(self._open[0])


class _MeasuredCall:
    __slots__ = ("_began", "_context", "_meter")

    def __init__(self, meter: CallMeter, context: grpc.aio.ServicerContext) -> None:
        self._meter = meter
        self._context = context

    def __enter__(self) -> None:
        self._meter._open[0] += 1
        self._began = time.perf_counter()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        seconds = time.perf_counter() - self._began
        self._meter._open[0] -= 1
        if kind is not None and issubclass(kind, asyncio.CancelledError):
            # The caller has gone: it waits no longer, or its deadline has passed.
            left = self._context.time_remaining()
            code = "CANCELLED" if left is None or left > 0 else "DEADLINE_EXCEEDED"
        else:
            code = _name(self._context.code())
        self._meter.count(code, seconds)


class _SharedMeasuredCall(_MeasuredCall):
    """In a worker, whose metrics another process shows, which cannot ask for the number."""

    __slots__ = ()

    def __enter__(self) -> None:
        super().__enter__()
        self._meter.publish_open()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        super().__exit__(kind, error, traceback)
        self._meter.publish_open()


def _open_calls(method: str) -> list[int]:
    """The number of a method, in a list to be changed."""
    number = _open.get(method)
    if number is None:
        number = _open[method] = [0]
        OPEN_CALLS.labels(method).set_function(lambda: number[0])
    return number


def _name(code: Any) -> str:
    """Of what a context says: nothing unless a servicer or `abort` has set it, a number or the enum."""
    if not code:
        return "OK"
    return _NAMES[code] if isinstance(code, int) else str(code.name)
