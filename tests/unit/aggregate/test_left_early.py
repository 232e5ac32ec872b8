"""In which buckets an erased person may still be."""

from datetime import UTC, datetime
from uuid import UUID

from libs.catalog import compile_catalog
from libs.common.subject_data import Erasure, SubjectRef
from services.aggregate.erasure.left_early import left_early, limits

CATALOG = compile_catalog(
    """
app_id: arena
title: Arena
categories:
  play: {producers: [server], retention: {raw: 90d, aggregate: 1y}}
  law: {producers: [server], retention: {raw: 90d, aggregate: 1y}}
events:
  match.ended: {category: play}
  match.left: {category: law}
rollups:
  hours: {events: [match.ended], period: hour, metrics: {events: count}}
  months: {events: [match.ended], period: month, metrics: {events: count}}
  kept: {events: [match.ended, match.left], period: hour, metrics: {events: count}}
""",
    "arena.yaml",
)
FENCED_AT = datetime(2026, 11, 21, 14, 30, tzinfo=UTC)
NOW = datetime(2026, 11, 21, 14, 31, tzinfo=UTC)


def _erasure(**withheld: str) -> Erasure:
    subject = SubjectRef("arena", "ann", ("a" * 32,))
    return Erasure(subject, UUID(int=1), FENCED_AT, withheld=withheld)


def test_buckets_that_were_over_when_the_fence_was_set_have_no_member_of_an_erased_person() -> None:
    found = limits(CATALOG, _erasure(**{"match.left": "the law"}), NOW)
    assert found["hours"].member_from == datetime(2026, 11, 21, 14, tzinfo=UTC)
    assert found["months"].member_from == datetime(2026, 11, 1, tzinfo=UTC)
    # 90 days before now: what a law keeps is still counted there.
    open_from = datetime(2026, 8, 23, 14, 31, tzinfo=UTC)
    assert found["kept"].member_from == open_from
    assert {each.open_from for each in found.values()} == {open_from}


def test_buckets_that_were_counted_again_or_have_what_a_law_keeps_are_left() -> None:
    naming = [("hours", 7_200), ("hours", 3_600), ("months", 0), ("kept", 0)]
    recounted = [("arena", "hours", 3_600), ("arena", "days", 7_200)]
    found = left_early(CATALOG, _erasure(**{"match.left": "the law"}), naming, recounted)
    assert sorted(found) == [("hours", 7_200), ("months", 0)]
