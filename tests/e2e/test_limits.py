"""Values that are too long: refused with field and limit, or cut in the numbers, as the catalog says."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from weir.aggregate.v1 import aggregate_service_pb2, aggregate_service_pb2_grpc
from weir.common.v1 import event_pb2
from weir.ingest.v1 import ingest_service_pb2 as pb

from demo.numbers import Numbers
from demo.stored import recount
from libs.catalog import compile_catalog
from libs.events.recount import cell_key
from suite.supervisor import Suite
from tests.support.added_catalogs import add_catalogs
from tests.support.suite_calls import SuiteCalls, suite_calls
from tests.support.waiting import PATIENCE_SECONDS, eventually
from tests.support.weir_command import weir
from weir_client import build_event, describe_status

pytestmark = pytest.mark.xdist_group("e2e apps")

STRICT = """\
app_id: strict
title: Refuses long dimensions
categories:
  all: {producers: [server], retention: {raw: 90d, aggregate: 1y}}
events:
  round.played:
    category: all
    properties: {mode: {}, notes: {type: string}}
rollups:
  rounds:
    events: [round.played]
    period: day
    dimensions: [properties.mode, context.referrer]
    metrics: {rounds: count, players: {distinct: subject}}
"""
# Cells of it are stored as a release without limits would have counted them.
OLD = STRICT.replace("strict", "old")
ADD_OLD_CELLS = """
WITH added AS (
    INSERT INTO aggregate.cells (cell_id, app_id, rollup, bucket, dimensions)
    SELECT gen_random_uuid(), 'old', 'rounds', '2026-11-20Z',
           jsonb_build_object('mode', repeat(chr(64 + n), 2500000), 'referrer', NULL)
    FROM generate_series(1, 5) AS n
    RETURNING cell_id
)
INSERT INTO aggregate.measures (cell_id, metric, count, version)
SELECT cell_id, 'rounds', 7, 1 FROM added
"""
LENIENT = STRICT.replace("strict", "lenient").replace("Refuses", "Cuts") + (
    "limits: {longer_dimension: cut, property_bytes: 1048576, event_bytes: 2097152}\n"
)
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
MIDNIGHT = 1_795_132_800  # 2026-11-20T00:00:00Z


@pytest.fixture(scope="module")
def limits_suite(growing_suite: Suite) -> Suite:
    """A suite with the three catalogs."""
    add_catalogs(growing_suite, {"strict": STRICT, "lenient": LENIENT, "old": OLD})
    return growing_suite


@pytest.fixture
def calls(limits_suite: Suite) -> Iterator[SuiteCalls]:
    with suite_calls(limits_suite) as opened:
        yield opened


def _round(event_id: str, mode: Any = "duel", player: str = "ann", **fields: Any) -> Any:
    event: event_pb2.Event = build_event(
        "round.played",
        event_id=event_id,
        occurred_at=NOON,
        subject_id=player,
        properties={"mode": mode, **fields.pop("properties", {})},
    )
    event.context.MergeFrom(event_pb2.Context(**fields))
    return event


def test_five_events_of_2_5_mb_break_nothing(calls: SuiteCalls, limits_suite: Suite) -> None:
    verdicts = [
        calls.track("strict", _round(f"huge-{number}", "x" * 2_500_000)).results[0]
        for number in range(5)
    ]
    assert [result.verdict for result in verdicts] == [pb.VERDICT_REJECTED] * 5
    problem = describe_status(verdicts[0].status)
    limit = "must be at most 256 characters: numbers are split by it"
    assert (problem.reason, problem.field) == ("FIELD_INVALID", "properties.mode")
    assert problem.message == limit
    taken = calls.track(
        "strict",
        _round("long", "x" * 257),
        _round("long-referrer", referrer="https://example.org/" + "r" * 237),
        _round("longest", "x" * 256, referrer="r" * 256),
        _round("noted", properties={"notes": "n" * 65_525}),
    )
    refused = {result.event_id: describe_status(result.status) for result in taken.results}
    assert {name: (problem.field, problem.message) for name, problem in refused.items()} == {
        "long": ("properties.mode", limit),
        "long-referrer": ("context.referrer", limit),
        "noted": ("properties.notes", "must be at most 65536 bytes"),
    }
    kept = "SELECT event_id, field FROM ingest.dead_letters WHERE event_id IN ('long', 'noted')"
    eventually(lambda: len(calls.query(kept)) == 2)
    with Numbers(limits_suite.addresses) as numbers:
        numbers.wait_until_counted({"strict": 1}, PATIENCE_SECONDS)
        assert numbers.cells("strict", "rounds") == {
            cell_key(MIDNIGHT, {"mode": "x" * 256, "referrer": "r" * 256}): {
                "rounds": 1.0,
                "players": 1.0,
            }
        }


def test_what_is_cut_is_cut_alike_by_sql(calls: SuiteCalls, limits_suite: Suite) -> None:
    quotes = '\\" "' * 30
    modes: list[Any] = [
        *("x" * 256, "x" * 257, "x" * 400, "é" * 257, "y" * 900_000),
        *(["1", "a b", None], ["z" * 252], ["z" * 253], {"b": " ", "a": quotes}),
        *({"a": {"b": "w" * 242}}, {"a": {"b": "w" * 243}}),
        *(3, 3.5, True, None, ""),
    ]
    events = [_round(f"m{place}", mode, f"p{place % 3}") for place, mode in enumerate(modes)]
    events += [_round("r1", referrer="r" * 300), _round("r2", referrer="r" * 256)]
    assert calls.track("lenient", *events).counts.accepted == len(events)
    with Numbers(limits_suite.addresses) as numbers:
        numbers.wait_until_counted({"lenient": len(events)}, PATIENCE_SECONDS)
        counted = numbers.cells("lenient", "rounds")
    with psycopg.connect(limits_suite.addresses.database_url) as connection:
        rollup = compile_catalog(LENIENT, "lenient.yaml").rollups["rounds"]
        assert recount(connection, "lenient", rollup, 256) == counted
        # The events themselves are as they were sent.
        longest = "SELECT max(length(properties ->> 'mode')) FROM enrich.events"
        assert connection.execute(longest).fetchone() == (900_000,)
    rounds = {key: values["rounds"] for key, values in counted.items()}
    by_hand = {
        ("x" * 256, None): 1,
        ("x" * 255 + "…", None): 2,
        ("é" * 255 + "…", None): 1,
        ("y" * 255 + "…", None): 1,
        ("…", None): 2,  # the list and the object of 257 characters
        ("duel", "r" * 255 + "…"): 1,
        ("duel", "r" * 256): 1,
    }
    for (mode, referrer), expected in by_hand.items():
        assert rounds[cell_key(MIDNIGHT, {"mode": mode, "referrer": referrer})] == expected
    assert len(rounds) == 16


def test_numbers_from_before_there_were_limits_can_be_read(
    calls: SuiteCalls, limits_suite: Suite
) -> None:
    with psycopg.connect(limits_suite.addresses.database_url) as connection:
        connection.execute(ADD_OLD_CELLS)
    by_mode = {letter * 255 + "…": 7.0 for letter in "ABCDE"}
    # By a client with gRPC's own limit of 4 MiB, by the command, and by a watcher.
    with Numbers(limits_suite.addresses) as numbers:
        assert numbers.cells("old", "rounds") == {
            cell_key(MIDNIGHT, {"mode": mode, "referrer": None}): {"rounds": rounds}
            for mode, rounds in by_mode.items()
        }
    query = ("query", "rollup", "--app", "old", "--rollup", "rounds", "--json")
    finished = weir(limits_suite.home.path, *query)
    assert finished.returncode == 0, finished.stderr
    cells = json.loads(finished.stdout)["cells"]
    assert {cell["dimensions"]["mode"]: cell["metrics"]["rounds"] for cell in cells} == by_mode
    stub = aggregate_service_pb2_grpc.AggregateServiceStub(calls.channel("aggregate"))
    request = aggregate_service_pb2.WatchRollupsRequest(app_id="old", rollups=["rounds"])
    call = stub.WatchRollups(request, metadata=calls.metadata, timeout=PATIENCE_SECONDS)
    watched: dict[str, float] = {}
    while len(watched) < 5:
        for each in next(call).cells:
            watched[each.cell.dimensions["mode"]] = each.cell.metrics["rounds"]
    call.cancel()
    assert watched == by_mode


def test_an_id_of_4_mb_does_not_end_its_stream(calls: SuiteCalls) -> None:
    """Its answer repeats no more of it than an id may have."""
    with calls.open_stream() as stream:
        stream.settle("strict")
        ack = stream.send(_round("i" * 4_190_000))
        [result] = ack.results
        assert (result.verdict, result.event_id) == (pb.VERDICT_REJECTED, "i" * 128)
        assert stream.send(_round("after")).counts.accepted == 1
