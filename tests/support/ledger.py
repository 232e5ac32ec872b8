"""The ledger of promises.md: what was sent, what was acked with which verdict, and what became of it.

*Lost* is what was acked as accepted, or as seen before, and is not stored. *Doubled* is what is stored
more than once, and a rollup that differs from a recount of the stored events. What was never acked may
be there or not.
"""

from collections import Counter
from collections.abc import Sequence, Set
from dataclasses import dataclass, field
from typing import Any

import psycopg
from weir.ingest.v1 import ingest_service_pb2 as pb

from tests.support.waiting import holds_in_time
from weir_client import final_verdicts

# A duplicate too: every id is sent as one event, so one that was seen before must have been kept then.
TAKEN = (pb.VERDICT_ACCEPTED, pb.VERDICT_ANONYMIZED, pb.VERDICT_DUPLICATE)

STORED = """
    SELECT coalesce(event_id, event_uuid::text), count(*)
    FROM enrich.events WHERE app_id = %s GROUP BY 1
"""
# The built-in rollup `events`, written out by hand: events by name and hour.
RECOUNT = """
    SELECT name, date_trunc('hour', occurred_at, 'UTC'), count(*)
    FROM enrich.events WHERE app_id = %s GROUP BY 1, 2
"""
COUNTED = """
    SELECT dimensions ->> 'name', bucket, count
    FROM aggregate.cells JOIN aggregate.measures USING (cell_id)
    WHERE app_id = %s AND rollup = 'events' AND metric = 'events'
"""


@dataclass
class Ledger:
    """Collects verdicts; `on_ack` goes into `EventSender`."""

    verdicts: dict[str, int] = field(default_factory=dict)
    sent: set[str] = field(default_factory=set)

    def on_ack(self, events: Sequence[Any], ack: pb.FrameAck) -> None:
        """Notes the verdict of each event of a frame; the first final one counts."""
        for final in final_verdicts(events, ack):
            if final.verdict != pb.VERDICT_UNSPECIFIED:  # not refused with its frame
                self.verdicts.setdefault(final.event.event_id, final.verdict)

    @property
    def taken(self) -> set[str]:
        """Ids that must be stored: the answer was that they are, or were before."""
        return {event_id for event_id, verdict in self.verdicts.items() if verdict in TAKEN}

    def counts(self) -> Counter[str]:
        """How many events got which verdict."""
        return Counter(
            pb.Verdict.Name(verdict).removeprefix("VERDICT_").lower()
            for verdict in self.verdicts.values()
        )


def settle(database_url: str, app_id: str, ledger: Ledger, seconds: float = 60.0) -> None:
    """Waits until what was taken is stored and counted; the assertions of `check` say what is not."""
    with psycopg.connect(database_url, autocommit=True) as connection:

        def done() -> bool:
            stored: dict[str, int] = dict(connection.execute(STORED, (app_id,)).fetchall())
            return ledger.taken <= stored.keys() and _counted(connection, app_id) == _recount(
                connection, app_id
            )

        holds_in_time(done, seconds)


def check(database_url: str, app_id: str, ledger: Ledger, earlier: Set[str] = frozenset()) -> None:
    """Asserts that every event of the load has a verdict, that some were taken, and that nothing is lost and
    nothing is doubled. `earlier`: ids that were sent to the app before."""
    assert ledger.verdicts.keys() == ledger.sent, "without a verdict, or never sent"
    assert ledger.taken, "nothing was taken"
    with psycopg.connect(database_url, autocommit=True) as connection:
        stored: dict[str, int] = dict(connection.execute(STORED, (app_id,)).fetchall())
        assert ledger.taken - stored.keys() == set(), "lost"
        assert {event_id for event_id, times in stored.items() if times > 1} == set(), "doubled"
        assert stored.keys() <= ledger.sent | earlier, "stored what was never sent"
        assert _counted(connection, app_id) == _recount(connection, app_id)


def _recount(connection: psycopg.Connection[Any], app_id: str) -> dict[Any, int]:
    return {(n, hour): count for n, hour, count in connection.execute(RECOUNT, (app_id,))}


def _counted(connection: psycopg.Connection[Any], app_id: str) -> dict[Any, int]:
    return {(n, hour): count for n, hour, count in connection.execute(COUNTED, (app_id,))}
