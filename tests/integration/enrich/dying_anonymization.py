"""Run as a module: anonymizes two rows in a transaction, and dies by SIGKILL after the first one."""

import asyncio
import os
import signal
import sys
from collections.abc import Sequence

from libs.stores.postgres import create_engine
from services.enrich.anonymization.anonymize import PersonalFields
from services.enrich.anonymization.job import StoredEvent
from services.enrich.anonymization.postgres import PostgresNamedEvents
from tests.support.anonymizing import NOW, anonymization
from tests.support.clocks import FixedClock


async def main(database_url: str) -> None:
    original = PostgresNamedEvents.replace

    async def dying(
        self: PostgresNamedEvents,
        app_id: str,
        changes: Sequence[tuple[StoredEvent, PersonalFields]],
    ) -> int:
        await original(self, app_id, changes)
        os.kill(os.getpid(), signal.SIGKILL)
        return 0

    PostgresNamedEvents.replace = dying  # type: ignore[method-assign]
    engine = create_engine(database_url, service="enrich")
    await anonymization(engine, FixedClock(NOW), rows_at_a_time=2).anonymize()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
