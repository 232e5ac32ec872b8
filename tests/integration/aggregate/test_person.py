"""A person is one person in all numbers, with consent and without, and members are pseudonyms only."""

import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from weir.aggregate.v1 import aggregate_service_pb2 as pb
from weir.aggregate.v1 import verify_pb2

from tests.integration.aggregate.conftest import Aggregate, Stores
from tests.support.aggregate_batches import event
from tests.support.arena_catalog import APP
from tests.support.pseudonyms import PSEUDONYM_KEY, PSEUDONYMS
from tests.support.recounted_events import store

TIMEOUT = 30
# So that raw events (90 days) cannot have expired: verify compares strictly.
FIRST, SECOND = ((datetime.now(UTC) - timedelta(days=days)).date().isoformat() for days in (21, 20))
# HMAC-SHA-256 (RFC 2104) of a text; the pads are the key, filled up with zeros to 64 bytes, XOR 0x36 or 0x5c
HMAC_IN_SQL = """
    sha256(%(outer)s || sha256(%(inner)s || convert_to({}, 'UTF8')))
"""
# Of all stored events, and of all that rollups remember: who is it, by Postgres' own arithmetic?
PEOPLE = f"""
    SELECT DISTINCT coalesce(
        left(encode({HMAC_IN_SQL.format("subject_id")}, 'hex'), 32), anonymous_id
    ), replace(person::text, '-', '') FROM enrich.events ORDER BY 1
"""
MEMBERS = """
    SELECT DISTINCT member FROM aggregate.members
    WHERE metric IN ('active_users', 'players', 'people', 'cheering') ORDER BY 1
"""


def pads(key: bytes) -> dict[str, bytes]:
    filled = key.ljust(64, b"\0")
    return {
        "inner": bytes(byte ^ 0x36 for byte in filled),
        "outer": bytes(byte ^ 0x5C for byte in filled),
    }


@pytest.mark.parametrize(
    ("key", "text", "digest"),
    [
        # RFC 4231, 4.2 and 4.3.
        (
            b"\x0b" * 20,
            "Hi There",
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
        ),
        (
            b"Jefe",
            "what do ya want for nothing?",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        ),
    ],
)
def test_the_hmac_in_sql_is_that_of_the_rfc(
    stores: Stores, key: bytes, text: str, digest: str
) -> None:
    [(found,)] = stores.sql(
        f"SELECT encode({HMAC_IN_SQL.format('%(text)s')}, 'hex')", {**pads(key), "text": text}
    )
    assert found == digest


async def test_who_withdraws_is_one_person_in_counts_cohorts_and_recounts(
    stores: Stores, aggregate: Aggregate
) -> None:
    """Ann agrees, denies at noon, and plays under a pseudonym on the next day; Bob always
    agrees; a visitor has an id of the app only."""
    ann, visitor = PSEUDONYMS.pseudonym(APP, "ann"), "0123456789abcdef" * 2
    days: list[list[Any]] = [
        [
            event(when=f"{FIRST}T09:00:00", player="ann"),
            event(when=f"{FIRST}T11:00:00", player="ann", pseudonym=visitor),
            event(when=f"{FIRST}T12:00:01", pseudonym=ann),
            event(when=f"{FIRST}T13:00:00", player="bob"),
        ],
        [
            event(when=f"{SECOND}T09:00:00", pseudonym=ann),
            event(when=f"{SECOND}T09:00:00", pseudonym=visitor),
            event(when=f"{SECOND}T09:00:00"),
        ],
    ]
    for events in days:
        stores.send(store(stores.database_url, *events))
    await stores.until_drained()

    app_key = hmac.new(PSEUDONYM_KEY.encode(), f"weir/{APP}/1".encode(), hashlib.sha256).digest()
    people = stores.sql(PEOPLE, pads(app_key))
    bob = PSEUDONYMS.pseudonym(APP, "bob")
    assert people == [*((person, person) for person in sorted([ann, bob, visitor])), (None, None)]
    assert stores.sql(MEMBERS) == [(person,) for person in sorted([ann, bob, visitor])]

    cells = await aggregate.stub.QueryRollup(
        pb.QueryRollupRequest(app_id=APP, rollup="activity"), timeout=TIMEOUT
    )
    assert [cell.metrics["active_users"] for cell in cells.cells] == [2, 2]
    cohorts = await aggregate.stub.QueryCohortRetention(
        pb.QueryCohortRetentionRequest(app_id=APP, period=pb.PERIOD_DAY), timeout=TIMEOUT
    )
    # Of the two people of the first day one came back, and one is new on the second.
    assert [(cohort.size, list(cohort.active)) for cohort in cohorts.cohorts] == [
        (2, [2, 1]),
        (1, [1]),
    ]
    verified = [
        answer
        async for answer in aggregate.stub.VerifyRollups(
            verify_pb2.VerifyRollupsRequest(app_id=APP), timeout=TIMEOUT
        )
    ]
    [last] = verified
    assert (last.summary.cells_different, last.summary.cells_sealed) == (0, 0)
    assert last.summary.cells_compared > 4
