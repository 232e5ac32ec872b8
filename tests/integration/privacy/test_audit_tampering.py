"""What verification finds when the owner of the tables has tampered with the trail, triggers switched off."""

from collections.abc import AsyncIterator, Callable

import psycopg
import pytest

from libs.audit import Action, Caller
from libs.common.errors import Unavailable
from libs.stores.redis_client import create_redis
from services.privacy.audit.chain import Head
from services.privacy.audit.chainer import Chainer
from services.privacy.audit.redis import HEADS, RedisPublishedHeads
from services.privacy.audit.verification import Finding, Problem
from tests.support.audit_trails import APP, KEYS, Trail, audit_trail
from tests.support.clocks import FixedClock


@pytest.fixture
async def trail(
    role_url: Callable[[str], str], redis_url: str, database_url: str
) -> AsyncIterator[Trail]:
    """With five entries, and some of another app between them."""
    async with audit_trail(role_url("weir_privacy"), redis_url, database_url) as trail:
        await trail.write(2)
        await trail.write(3, "go")
        await trail.write(3)
        yield trail


async def test_a_trail_that_was_left_alone_is_whole(trail: Trail) -> None:
    found = await trail.verify()
    assert found.part.finding is None
    assert found.part.place.last.sequence == 5
    assert found.compared_with_published
    assert found.unchained == 0
    one = await trail.verify(part_entries=100)
    assert (one.part.verified, one.part.place.last) == (5, found.part.place.last)


@pytest.mark.parametrize(
    "change",
    [
        "actor = 'someone else'",
        "subject = ''",
        "details = '{\"version\": 2}'",
        "occurred_at = occurred_at + interval '1 microsecond'",
        "app_id = app_id, outcome = 'failed'",
        "hash = previous_hash",
        "previous_hash = hash",
    ],
)
async def test_a_changed_entry_is_found_and_named(trail: Trail, change: str) -> None:
    entry_id = trail.id_of(3)
    trail.tamper(
        f"UPDATE privacy.audit_entries SET {change} WHERE app_id = '{APP}' AND sequence = 3"
    )
    assert await trail.finding() == Finding(Problem.CHANGED, 3, entry_id)


async def test_a_missing_entry_is_found(trail: Trail) -> None:
    trail.tamper(f"DELETE FROM privacy.audit_entries WHERE app_id = '{APP}' AND sequence = 3")
    assert await trail.finding() == Finding(Problem.MISSING, 3)


async def test_a_missing_beginning_is_found(trail: Trail) -> None:
    trail.tamper(f"DELETE FROM privacy.audit_entries WHERE app_id = '{APP}' AND sequence = 1")
    assert await trail.finding() == Finding(Problem.BEGINNING_MISSING, 1)


async def test_entries_that_changed_places_are_found(trail: Trail) -> None:
    moved = trail.id_of(4)
    trail.tamper(
        *(
            f"UPDATE privacy.audit_entries SET sequence = {to}"
            f" WHERE app_id = '{APP}' AND sequence = {of}"
            for of, to in ((3, 30), (4, 3), (30, 4))
        )
    )
    assert await trail.finding() == Finding(Problem.CHANGED, 3, moved)


CUT = f"DELETE FROM privacy.audit_entries WHERE app_id = '{APP}' AND sequence > 3"


async def test_an_end_that_was_cut_off_is_found(trail: Trail) -> None:
    trail.tamper(CUT)
    assert await trail.finding() == Finding(Problem.END_MISSING, 4)


async def test_an_end_that_was_cut_off_with_its_head_is_found(trail: Trail) -> None:
    """The head of an earlier moment, signed by the service, stands beside what is left of the entries."""
    with psycopg.connect(trail.owner_url) as owner:
        row = owner.execute(
            "SELECT hash FROM privacy.audit_entries WHERE app_id = %s AND sequence = 3", (APP,)
        ).fetchone()
    assert row
    signature = KEYS.signature(APP, Head(3, row[0]))
    trail.tamper(
        CUT,
        f"UPDATE privacy.audit_heads SET sequence = 3, hash = '\\x{row[0].hex()}',"
        f" signature = '\\x{signature.hex()}' WHERE app_id = '{APP}'",
    )
    # By the published head.
    assert await trail.finding() == Finding(Problem.END_MISSING, 4)
    # Without it, by the head that a person kept.
    kept = (await trail.heads.read())[APP].head
    await trail.redis.delete(HEADS)
    assert await trail.finding() is None
    assert await trail.finding(kept=kept) == Finding(Problem.END_MISSING, 4)


async def test_new_entries_do_not_cover_an_end_that_was_cut_off(trail: Trail) -> None:
    """They go on behind the head that was published, although the one in the database is gone."""
    trail.tamper(CUT, f"DELETE FROM privacy.audit_heads WHERE app_id = '{APP}'")
    assert await trail.finding() == Finding(Problem.HEAD_FORGED, 3)
    await trail.write(2)
    assert await trail.finding() == Finding(Problem.MISSING, 4)
    # What follows is a chain again, for those who know what became of the two that are missing.
    rest = await trail.verify(passed_over=5)
    assert (rest.part.finding, rest.part.place.last.sequence) == (None, 7)


async def test_a_chain_that_was_written_anew_is_found_by_a_head_that_a_person_kept(
    trail: Trail,
) -> None:
    """By someone who has the key, and all stores."""
    kept = (await trail.heads.read())[APP].head
    trail.tamper(
        f"DELETE FROM privacy.audit_entries WHERE app_id = '{APP}'",
        f"DELETE FROM privacy.audit_heads WHERE app_id = '{APP}'",
    )
    await trail.redis.delete(HEADS)
    await trail.write(6)
    assert await trail.finding() is None
    assert await trail.finding(kept=kept) == Finding(Problem.HEAD_DIFFERS, 5, trail.id_of(5))


async def test_an_entry_that_comes_twice_is_there_once(trail: Trail) -> None:
    entry = trail.auditor.entry(Action.AUDIT_READ, APP, Caller("test"))
    for _ in range(2):
        await trail.store.add([entry])
        await trail.chainer.step()
    found = await trail.verify()
    assert (found.part.finding, found.part.place.last.sequence) == (None, 6)


async def test_while_redis_is_away_entries_are_chained(trail: Trail) -> None:
    # Port 1 is no Redis.
    away = create_redis("redis://127.0.0.1:1")
    trail.heads = RedisPublishedHeads(away)
    trail.chainer = Chainer(trail.store, trail.heads, KEYS, FixedClock.of_us(), ())
    with pytest.raises(Unavailable):
        await trail.write(1)
    found = await trail.verify()
    assert (found.part.finding, found.part.place.last.sequence) == (None, 6)
    assert not found.compared_with_published
    await away.aclose()


async def test_a_thousand_entries_and_more_are_chained_in_one_step(trail: Trail) -> None:
    await trail.store.add(
        [
            trail.auditor.entry(Action.AUDIT_READ, app_id, Caller("test"))
            for app_id in [APP, "go"] * 1_100
        ]
    )
    await trail.chainer.step()
    found = await trail.verify(part_entries=500)
    assert (found.part.finding, found.part.place.last.sequence, found.unchained) == (None, 1_105, 0)


async def _write_anew(trail: Trail) -> Head:
    """As many entries again in the place of those that were there, by someone who has the key and the
    database; the head that was published before."""
    published = (await trail.heads.read())[APP].head
    signed = await trail.redis.hget(HEADS, APP)
    assert signed
    trail.tamper(
        f"DELETE FROM privacy.audit_entries WHERE app_id = '{APP}'",
        f"DELETE FROM privacy.audit_heads WHERE app_id = '{APP}'",
    )
    await trail.redis.delete(HEADS)
    await trail.write(5)
    await trail.redis.hset(HEADS, APP, signed)
    return published


async def test_a_chain_that_was_written_anew_just_as_long_is_found_by_the_published_head(
    trail: Trail,
) -> None:
    """Both heads say that the chain ends with its fifth entry, and differ."""
    await _write_anew(trail)
    assert await trail.finding() == Finding(Problem.HEAD_DIFFERS, 5, trail.id_of(5))


async def test_a_chain_that_was_written_anew_just_as_long_is_found_by_a_head_that_a_person_kept(
    trail: Trail,
) -> None:
    """By someone who has Redis as well."""
    kept = await _write_anew(trail)
    await trail.redis.delete(HEADS)
    assert await trail.finding() is None
    assert await trail.finding(kept=kept) == Finding(Problem.HEAD_DIFFERS, 5, trail.id_of(5))


async def test_what_is_missing_behind_an_explained_gap_is_found(trail: Trail) -> None:
    trail.tamper(f"DELETE FROM privacy.audit_entries WHERE app_id = '{APP}' AND sequence <= 2")
    assert await trail.finding(passed_over=2) is None
    trail.tamper(f"DELETE FROM privacy.audit_entries WHERE app_id = '{APP}' AND sequence = 3")
    assert await trail.finding(passed_over=2) == Finding(Problem.MISSING, 3)


async def test_a_chain_that_ends_with_an_explained_gap_is_whole(trail: Trail) -> None:
    """After a restore, before anything was done."""
    published = (await trail.heads.read())[APP].head
    with psycopg.connect(trail.owner_url) as owner:
        row = owner.execute(
            "SELECT hash FROM privacy.audit_entries WHERE app_id = %s AND sequence = 3", (APP,)
        ).fetchone()
    assert row
    signature = KEYS.signature(APP, Head(3, row[0]))
    trail.tamper(
        CUT,
        f"UPDATE privacy.audit_heads SET sequence = 3, hash = '\\x{row[0].hex()}',"
        f" signature = '\\x{signature.hex()}' WHERE app_id = '{APP}'",
    )
    assert await trail.finding(passed_over=4) == Finding(Problem.END_MISSING, 4)
    found = await trail.verify(passed_over=published.sequence)
    assert (found.part.finding, found.part.place.last) == (None, Head(3, row[0]))
