"""What is in the stores of a running suite is in docs/privacy.md."""

import re

import pytest
from redis import Redis

from suite.supervisor import Suite
from tests.support import privacy_page

pytestmark = pytest.mark.xdist_group("suite")


def test_every_key_in_redis_is_of_a_row(suite: Suite) -> None:
    patterns = [_pattern(key) for key in privacy_page.rows("Redis")]
    with Redis.from_url(suite.addresses.redis_url) as redis:
        keys = [key.decode(errors="replace") for key in redis.scan_iter(count=1_000)]
    assert any(key.startswith("privacy:{0}:consent:") for key in keys)
    unknown = [key for key in keys if not any(pattern.fullmatch(key) for pattern in patterns)]
    assert unknown == []


def test_everything_in_the_home_has_a_row(suite: Suite) -> None:
    there = {path.name for path in suite.home.path.iterdir()}
    assert {"postgres", "redis", "logs"} <= there
    assert there <= privacy_page.home()


def _pattern(key: str) -> re.Pattern[str]:
    """Of a key of the page: `{shard}` is a number in braces, `<...>` anything."""
    escaped = re.escape(key).replace(re.escape("{shard}"), r"\{\d+\}")
    return re.compile(re.sub(r"<[a-z]+>", ".+", escaped))
