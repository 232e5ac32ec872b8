"""A time limit that many calls have at once, for a tenth of what `asyncio.timeout` costs each."""

import asyncio
from types import TracebackType


class SharedTimeout:
    """Limits blocks of code to `seconds` each.

    All have the same time, so they run out in the order in which they began, and one timer for the first of
    them is enough: to begin and to end a block is to add to a dict and to remove from it.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        # By the time of the loop at which it is over; in this order.
        self._deadlines: dict[_Block, float] = {}
        self._timer: asyncio.TimerHandle | None = None

    def limit(self) -> "_Block":
        """A context manager: raises TimeoutError if the block takes longer, as `asyncio.timeout` does."""
        return _Block(self)

    def _begin(self, block: "_Block") -> None:
        loop = asyncio.get_running_loop()
        deadline = self._deadlines[block] = loop.time() + self.seconds
        if self._timer is None:
            self._timer = loop.call_at(deadline, self._cancel_expired)

    def _end(self, block: "_Block") -> None:
        self._deadlines.pop(block, None)

    def _cancel_expired(self) -> None:
        self._timer = None
        loop = asyncio.get_running_loop()
        now = loop.time()
        while self._deadlines:
            block, deadline = next(iter(self._deadlines.items()))
            if deadline > now:
                self._timer = loop.call_at(deadline, self._cancel_expired)
                return
            del self._deadlines[block]
            block.cancel()


class _Block:
    __slots__ = ("_cancelling", "_shared", "_task", "expired")

    def __init__(self, shared: SharedTimeout) -> None:
        self._shared = shared
        self.expired = False

    def __enter__(self) -> "_Block":
        task = asyncio.current_task()
        assert task is not None, "outside of a task nothing can be cancelled"
        self._task = task
        self._cancelling = task.cancelling()
        self._shared._begin(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if not self.expired:
            self._shared._end(self)
        # If the task was also cancelled by something else, CancelledError goes on.
        elif self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def cancel(self) -> None:
        """The block's time is over."""
        self.expired = True
        self._task.cancel()
