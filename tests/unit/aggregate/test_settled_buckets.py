"""In which buckets an erased person may still be a member."""

from datetime import UTC, datetime
from uuid import UUID

from libs.catalog import compile_catalog
from libs.common.subject_data import Erasure, SubjectRef
from services.aggregate.erasure.settled_buckets import kept_from

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


def test_buckets_that_were_over_when_the_fence_was_set_have_no_member_of_an_erased_person() -> None:
    subject = SubjectRef("arena", "ann", ("a" * 32,))
    erasure = Erasure(subject, UUID(int=1), FENCED_AT, withheld={"match.left": "the law"})
    found = kept_from(CATALOG, erasure, NOW)
    assert found["hours"] == datetime(2026, 11, 21, 14, tzinfo=UTC)
    assert found["months"] == datetime(2026, 11, 1, tzinfo=UTC)
    # 90 days before now: what a law keeps is still counted there.
    assert found["kept"] == datetime(2026, 8, 23, 14, 31, tzinfo=UTC)
