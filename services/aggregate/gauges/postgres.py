"""What the stored events say of who is there now, from Postgres."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from psycopg.errors import QueryCanceled
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.catalog import Source
from libs.common.clock import moment_of
from libs.common.pseudonym import Pseudonymizer, person_of, session_of
from libs.events.latest_sql import LatestQuery
from libs.stores.postgres import POSTGRES_DOWN, driver_error
from services.aggregate.gauges.plan import US_PER_SECOND, GaugePlan
from services.aggregate.gauges.signs import GaugeSigns
from services.aggregate.gauges.stored import StoredLast

# Of which time one statement reads; of less if it would take too long.
_LONGEST_SLICE = timedelta(hours=6)
_SHORTEST_SLICE = timedelta(seconds=1)
_PART = 5_000


class PostgresStoredSigns:
    """Implements `StoredSigns`. `engine` is the primary's: a replica may lack events that are counted."""

    def __init__(
        self, engine: AsyncEngine, pseudonymizer: Pseudonymizer, statement_seconds: float
    ) -> None:
        self._engine = engine
        self._pseudonymizer = pseudonymizer
        self._timeout = str(int(statement_seconds * 1000))

    async def read(self, plan: GaugePlan, now_us: int) -> AsyncIterator[GaugeSigns]:
        """See the port."""
        now, silence = moment_of(now_us), timedelta(microseconds=plan.silence_us)
        start = now - silence
        if plan.gauge.by_receipt:
            start -= timedelta(microseconds=plan.lateness_us + US_PER_SECOND)
        length = _LONGEST_SLICE
        while start <= now:
            # The last one has what is dated in the future.
            end = start + length if start + length <= now else now + timedelta(days=1)
            try:
                async for signs in self._slice(plan, start, end, now - silence):
                    yield signs
                start = end
            except POSTGRES_DOWN as error:
                is_slow = isinstance(driver_error(error), QueryCanceled)
                if length <= _SHORTEST_SLICE or not is_slow:
                    raise
                # What it has given out already does no harm when it comes again.
                length = min(length, now - start) / 4
            # So that the caller sees that it goes on.
            yield GaugeSigns(plan)

    async def _slice(
        self, plan: GaugePlan, start: datetime, end: datetime, after: datetime
    ) -> AsyncIterator[GaugeSigns]:
        sources = list(dict.fromkeys(plan.gauge.sources[1:]))
        query = LatestQuery(sources, of_sessions=plan.of_sessions, by_receipt=plan.gauge.by_receipt)
        parameters = {
            **query.parameters,
            "app_id": plan.app_id,
            "names": sorted(plan.gauge.events),
            "start": start,
            "end": end,
        }
        if plan.gauge.by_receipt:
            parameters |= {"after": after, "lateness": plan.lateness_us / US_PER_SECOND}
        async with self._engine.connect() as connection:
            await connection.execute(
                text("SELECT set_config('statement_timeout', :timeout, true)"),
                {"timeout": self._timeout},
            )
            result = await connection.stream(text(query.statement), parameters)
            async for rows in result.partitions(_PART):
                yield self._signs(plan, sources, rows)

    def _signs(
        self, plan: GaugePlan, sources: Sequence[Source], rows: Sequence[Sequence[Any]]
    ) -> GaugeSigns:
        stored = StoredLast(plan)
        for name, *values, moment_us in rows:
            app = self._pseudonymizer, plan.app_id
            if plan.of_sessions:
                session_id, subject_id, anonymous_id, *values = values
                member = session_of(
                    *app, subject_id, anonymous_id, session_id, is_hashed=plan.hashes_sessions
                )
            else:
                person, subject_id, anonymous_id, *values = values
                member = person or person_of(*app, subject_id, anonymous_id)
            stored.add(name, member, dict(zip(sources, values, strict=True)), moment_us)
        return stored.signs
