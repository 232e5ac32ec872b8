"""Background work that is done again and again."""

import asyncio

from structlog.testing import capture_logs

from libs.runtime.loops import repeat


async def test_it_goes_on_after_an_outage_and_tells_of_it_once() -> None:
    stop = asyncio.Event()
    outcomes = iter([None, OSError(), OSError(), None, OSError(), None])

    async def work() -> None:
        error = next(outcomes, StopIteration)
        if error is StopIteration:
            stop.set()
        elif isinstance(error, OSError):
            raise error

    with capture_logs() as logs:
        await repeat(work, 0.0, stop, transient=(OSError,), warning="it waits")
    assert [(line["event"], line["error"]) for line in logs] == [("it waits", "OSError")] * 2
    assert next(outcomes, None) is None
