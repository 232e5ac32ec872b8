"""Run as a module: a replica whose only job writes a line when it begins, and never ends by itself."""

import asyncio
import sys
from collections.abc import Mapping

from libs.common.clock import SystemClock
from libs.jobs.job import Job, JobContext
from libs.jobs.postgres import PostgresJournal
from libs.jobs.runner import JobRunner
from libs.jobs.schedule import Schedule
from libs.stores.postgres import create_engine


async def main(database_url: str) -> None:
    async def work(_: JobContext) -> Mapping[str, int]:
        print("begun", flush=True)
        await asyncio.Event().wait()
        return {}

    journal = PostgresJournal(create_engine(database_url, service="runner"), "killed")
    job = Job("enrich.sweep", "", Schedule("* * * * *"), work)
    await JobRunner("enrich", lambda: [job], journal, SystemClock()).run(asyncio.Event())


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
