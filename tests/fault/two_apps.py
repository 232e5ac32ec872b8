"""Events of two apps with the catalog of `arena`, and their numbers by SQL that is written out by hand."""

import random
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from weir.common.v1 import event_pb2

from suite.supervisor import Suite
from tests.fault.under_load import check_all, load
from tests.support.ledger import Ledger
from tests.support.service_metrics import samples
from weir_client import build_event

APPS = ("arena", "league")
DAYS = 5
# The built-in rollup `activity`: people by day.
PEOPLE = """
    SELECT date_trunc('day', occurred_at, 'UTC'), count(DISTINCT person), count(DISTINCT person)
    FROM enrich.events WHERE app_id = %s GROUP BY 1 ORDER BY 1
"""
COUNTED_PEOPLE = """
    SELECT bucket, count, (
        SELECT count(*) FROM aggregate.members AS m WHERE m.cell_id = c.cell_id AND m.metric = 'active_users'
    )
    FROM aggregate.cells AS c JOIN aggregate.measures USING (cell_id)
    WHERE app_id = %s AND rollup = 'activity' AND metric = 'active_users' ORDER BY bucket
"""
# Those of `scores` and `matches`, whatever their dimensions.
SCORES = """
    SELECT date_trunc('week', occurred_at, 'UTC'), count(*), sum((properties ->> 'score')::numeric)
    FROM enrich.events WHERE app_id = %s AND name = 'match.ended' GROUP BY 1 ORDER BY 1
"""
COUNTED_SCORES = """
    SELECT bucket, sum(matches.count)::bigint, sum(score.total)
    FROM aggregate.cells JOIN aggregate.measures AS matches USING (cell_id)
        JOIN aggregate.measures AS score USING (cell_id)
    WHERE app_id = %s AND rollup = 'matches' AND matches.metric = 'matches' AND score.metric = 'score'
    GROUP BY 1 ORDER BY 1
"""


def sql(suite: Suite, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
    with psycopg.connect(suite.addresses.database_url, autocommit=True) as connection:
        cursor = connection.execute(statement.encode(), parameters)
        return cursor.fetchall() if cursor.description else []


class Matches:
    """Makes events of an app: a fifth of today, the others late by one to four days, and each tenth one that
    was sent before."""

    def __init__(self, seed: int) -> None:
        self._randomness = random.Random(seed)
        self._made: list[event_pb2.Event] = []

    def __call__(self, number: int) -> event_pb2.Event:
        if number % 10 == 0 and self._made:
            return self._randomness.choice(self._made)
        event = build_event(
            ("match.ended", "match.ended", "match.left", "match.watched", "match.cheered")[
                number % 5
            ],
            occurred_at=datetime.now(UTC) - timedelta(days=self._randomness.randrange(DAYS)),
            subject_id=f"player-{self._randomness.randrange(400)}",
            group_id=f"guild-{number % 3}",
            producer=event_pb2.PRODUCER_SERVER,
            properties={
                "mode": ("duel", 5, None)[number % 3],
                "score": number % 50 + 0.1,
                "seconds": number % 90,
                "loot": {"item": number % 20},
            },
        )
        self._made.append(event)
        return event


class Loads:
    """A context in which small frames of both apps keep arriving, by default 200 events a second of each:
    many batches are on their way at any moment, and the events are not too many to be recounted soon."""

    def __init__(self, suite: Suite, frame_events: int = 20) -> None:
        self._suite = suite
        self._frame_events = frame_events
        self._stack = ExitStack()
        self._ledgers: dict[str, Ledger] = {}

    def __enter__(self) -> "Loads":
        for seed, app_id in enumerate(APPS):
            running = load(
                self._suite,
                app_id,
                Matches(seed),
                frame_events=self._frame_events,
                pause_seconds=0.1,
            )
            self._ledgers[app_id] = self._stack.enter_context(running)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def check(self) -> None:
        """Asserts, when it is over, that nothing is lost or doubled, and that all numbers are what the stored
        events come to: by `weir rollup verify`, and by SQL written out by hand."""
        for app_id, ledger in self._ledgers.items():
            check_all(self._suite, ledger, app_id)
            assert ledger.counts().keys() == {"accepted"}
            assert sql(self._suite, COUNTED_PEOPLE, app_id) == sql(self._suite, PEOPLE, app_id)
            assert sql(self._suite, COUNTED_SCORES, app_id) == sql(self._suite, SCORES, app_id)
        # Of events that were sent again.
        verdicts = samples(self._suite, "ingest", "weir_ingest_events_total")
        repeated = {labels["app"] for labels, _ in verdicts if labels["verdict"] == "duplicate"}
        assert repeated == set(APPS)
