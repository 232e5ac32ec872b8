"""Entries of the audit trail go when they are past their limit, and the rest is still a chain."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta

import grpc
import psycopg
import pytest
from weir.privacy.v1 import audit_service_pb2 as pb

from libs.catalog import Catalogs
from libs.common.expiry import OverdueData, RetentionLimit, midnight
from services.privacy.audit.pruning import AuditPruning, kept_days
from services.privacy.audit.verification import Finding, Problem
from tests.integration.privacy.conftest import APP as GAME
from tests.integration.privacy.conftest import Privacy
from tests.support.audit_trails import APP, Trail, audit_trail
from tests.support.expiring_events import catalogs

SETTING = "WEIR_PRIVACY_AUDIT_KEPT_DAYS"
DAY = timedelta(days=1)
CHESS = catalogs(APP)  # It keeps its events for 90 days.


def _pruning(trail: Trail, found: Catalogs = CHESS, days: int = 30) -> AuditPruning:
    # Two entries in a transaction, so that what is tested takes several.
    return AuditPruning(found, trail.store, trail.keys, trail.auditor, days, trail.clock, 2)


@pytest.fixture
async def trail(
    role_url: Callable[[str], str], redis_url: str, database_url: str
) -> AsyncIterator[Trail]:
    """With five entries 100 days ago, three 90 days ago, and two of today."""
    async with audit_trail(role_url("weir_privacy"), redis_url, database_url) as trail:
        today = trail.clock.now
        for days, count in ((100, 5), (90, 3), (0, 2)):
            trail.clock.now = today - days * DAY
            await trail.write(count)
        yield trail


def _entries(trail: Trail) -> list[tuple[int, datetime, str, dict[str, object]]]:
    with psycopg.connect(trail.owner_url) as owner:
        return owner.execute(
            "SELECT sequence, occurred_at, action, details FROM privacy.audit_entries"
            " WHERE app_id = %s ORDER BY sequence",
            [APP],
        ).fetchall()


async def test_what_is_past_the_limit_goes_and_verification_begins_behind_it(trail: Trail) -> None:
    """The limit is that of the app's events, 90 days, as it is longer than that of the trail."""
    oldest = trail.clock.now - 100 * DAY
    overdue = OverdueData("privacy.audit_entries", APP, "audit trail", 90, 5, oldest)
    assert await _pruning(trail).list_overdue() == [overdue]
    limits = (_pruning(trail), "catalog", 90), (_pruning(trail, days=120), SETTING, 120)
    for pruning, set_by, days in limits:
        assert pruning.list_limits() == [
            RetentionLimit(
                "privacy.audit_entries",
                days,
                set_by,
                "privacy.prune_audit",
                app_id=APP,
                kind="audit trail",
            )
        ]
    assert await _pruning(trail).prune() == {"deleted": 5, "problems": 0}
    assert await _pruning(trail).list_overdue() == []
    await trail.chainer.step()
    left = _entries(trail)
    assert [sequence for sequence, *_ in left] == [6, 7, 8, 9, 10, 11, 12, 13]
    limit = midnight(trail.clock.now) - 90 * DAY
    assert min(moment for _, moment, *_ in left) >= limit
    # Each transaction has left an entry that says what it deleted.
    assert [tuple(each[2:]) for each in left[5:]] == [
        ("audit.pruned", {"through": 2, "deleted": 2}),
        ("audit.pruned", {"through": 4, "deleted": 2}),
        ("audit.pruned", {"through": 5, "deleted": 1}),
    ]
    found = await trail.verify()
    assert (found.part.finding, found.part.place.last.sequence) == (None, 13)
    assert found.pruned_through == 5
    assert await _pruning(trail).prune() == {"deleted": 0, "problems": 0}


async def test_a_day_later_the_next_ones_go(trail: Trail) -> None:
    await _pruning(trail).prune()
    trail.clock.now = midnight(trail.clock.now) + DAY
    assert await _pruning(trail).prune() == {"deleted": 3, "problems": 0}
    # One that was chained behind younger ones goes with these.
    await trail.chainer.step()
    trail.clock.now -= 200 * DAY
    await trail.write(1)
    trail.clock.now += 200 * DAY
    assert await _pruning(trail).list_overdue() == []
    assert await trail.finding() is None


async def test_when_all_are_gone_the_chain_goes_on(trail: Trail) -> None:
    trail.clock.now += 1000 * DAY
    assert await _pruning(trail).prune() == {"deleted": 10, "problems": 0}
    assert await trail.finding() is None
    await trail.write(1)
    found = await trail.verify()
    # One for each two that were deleted, and the new one.
    assert (found.part.finding, found.part.place.last.sequence) == (None, 16)


async def test_an_app_without_a_catalog_keeps_its_entries_and_the_check_says_so(
    trail: Trail,
) -> None:
    pruning = _pruning(trail, catalogs("go"))
    assert await pruning.prune() == {"deleted": 0, "problems": 0}
    [overdue] = await pruning.list_overdue()
    assert (overdue.rows, overdue.days) == (8, 30)
    assert overdue.kept_because == "no catalog of the app is loaded"


async def test_two_processes_that_prune_at_once_delete_each_entry_once(trail: Trail) -> None:
    both = await asyncio.gather(_pruning(trail).prune(), _pruning(trail).prune())
    assert sum(each["deleted"] for each in both) == 5
    await trail.chainer.step()
    found = await trail.verify()
    assert (found.part.finding, found.pruned_through) == (None, 5)
    said = [
        details["deleted"] for *_, action, details in _entries(trail) if action == "audit.pruned"
    ]
    assert sum(map(int, map(str, said))) == 5


async def test_what_was_tampered_with_is_named_before_it_goes(trail: Trail) -> None:
    trail.tamper("UPDATE privacy.audit_entries SET actor = 'else' WHERE sequence = 4")
    assert await _pruning(trail).prune() == {"deleted": 5, "problems": 1}
    await trail.chainer.step()
    assert await trail.finding() is None
    [_, second, _] = [
        details for *_, action, details in _entries(trail) if action == "audit.pruned"
    ]
    assert second == {"through": 4, "deleted": 2, "problem": "changed", "problem_at": 4}


@pytest.mark.parametrize(
    ("statement", "finding"),
    [
        ("DELETE FROM privacy.audit_entries WHERE sequence = 6", Finding(Problem.MISSING, 6)),
        (
            "DELETE FROM privacy.audit_checkpoints",
            Finding(Problem.BEGINNING_MISSING, 1),
        ),
        (
            "UPDATE privacy.audit_checkpoints SET sequence = 6, hash = ("
            "SELECT hash FROM privacy.audit_entries WHERE sequence = 6)",
            Finding(Problem.CHECKPOINT_FORGED, 6),
        ),
    ],
)
async def test_a_beginning_that_no_pruning_made_is_found(
    trail: Trail, statement: str, finding: Finding
) -> None:
    await _pruning(trail).prune()
    await trail.chainer.step()
    trail.tamper(statement)
    assert await trail.finding() == finding


async def test_the_role_deletes_in_a_transaction_that_says_so_only(
    trail: Trail, role_url: Callable[[str], str]
) -> None:
    delete = "DELETE FROM privacy.audit_entries"
    with psycopg.connect(role_url("weir_privacy"), autocommit=True) as connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"):
            connection.execute(delete)
        with connection.transaction(force_rollback=True):
            connection.execute("SET LOCAL weir.audit_pruning = 'on'")
            assert connection.execute(delete).rowcount == 10


def test_entries_are_kept_as_long_as_the_longest_of_the_apps_events() -> None:
    def days(raw: str, at_least: int) -> int:
        [catalog] = catalogs(APP, raw=raw).current.catalogs.values()
        return kept_days(catalog, at_least)

    assert days("7y", 1825) == 2555
    assert days("90d", 1825) == 1825
    # What is kept for ever does not keep the trail so.
    assert days("keep", 1825) == 1825


async def test_a_head_of_a_pruned_entry_is_refused(privacy: Privacy, database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as owner:
        owner.execute(
            "INSERT INTO privacy.audit_checkpoints VALUES (%s, 7, '\\x00', '\\x00')", [GAME]
        )
    for sequence in (6, 7):
        request = pb.VerifyChainRequest(app_id=GAME, known_head=f"{sequence}:{'0' * 64}")
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await privacy.audit.VerifyChain(request, timeout=60)
        assert error.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert "known_head" in str(error.value.trailing_metadata())
