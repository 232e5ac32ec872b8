"""Run as a module: a replica that runs the jobs of a catalog until it is killed."""

import asyncio
import sys
from datetime import datetime

from libs.stores.postgres import create_engine
from tests.support.clocks import FixedClock
from tests.support.result_jobs import Replica


async def main(database_url: str, now: str) -> None:
    engine = create_engine(database_url, service="worker")
    clock = FixedClock(datetime.fromisoformat(now))
    await Replica(engine, "killed", clock).runner.run(asyncio.Event())


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
