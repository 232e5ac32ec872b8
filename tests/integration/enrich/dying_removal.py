"""Run as a module: removes expired events, and dies by SIGKILL after the first transaction that did."""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping

from libs.stores.postgres import create_engine
from services.enrich.retention import postgres
from tests.support.clocks import FixedClock
from tests.support.expiring_events import NOW, catalogs, removal


async def main(database_url: str) -> None:
    postgres.ROWS_AT_A_TIME = 2
    original = postgres.PostgresExpiredEvents._delete_some

    async def dying(
        self: postgres.PostgresExpiredEvents, leaf: str, parameters: Mapping[str, object]
    ) -> int:
        await original(self, leaf, dict(parameters))
        os.kill(os.getpid(), signal.SIGKILL)
        return 0

    postgres.PostgresExpiredEvents._delete_some = dying  # type: ignore[method-assign]
    engine = create_engine(database_url, service="enrich")
    await removal(engine, catalogs("chess", "go"), FixedClock(NOW)).remove()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
