"""Carries out exports in processes that die, each after one step more than the one before, until one does
not, and goes on with each. Prints ids and exit codes. Arguments: URL of the database, folder of the files."""

import asyncio
import os
import sys
from collections.abc import Awaitable
from pathlib import Path
from uuid import UUID, uuid4

from tests.support.export_steps import export_steps

_MOST_STEPS = 100


async def carry_out(request_id: UUID, dies_after: int, *, is_new: bool) -> None:
    """Dies as from kill -9 after so many steps."""
    left = dies_after

    async def step(_: str) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os._exit(9)

    async with export_steps(sys.argv[1], Path(sys.argv[2]), step) as steps:
        if is_new:
            await steps.ask(request_id)
        await steps.carry_out(request_id)


def in_child(work: Awaitable[None]) -> int:
    """The exit code of a process of its own that does the work."""
    child = os.fork()
    if child == 0:
        asyncio.run(work)  # type: ignore[arg-type]
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main() -> None:
    """See the module."""
    for dies_after in range(1, _MOST_STEPS):
        request_id = uuid4()
        died = in_child(carry_out(request_id, dies_after, is_new=True))
        print(request_id, died, flush=True)
        if died != 9:
            return
        assert in_child(carry_out(request_id, 0, is_new=False)) == 0


main()
