"""What an id takes in Redis, against the memory that Redis itself reports before and after."""

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from suite.embedded import RedisServer
from tests.bench.load import WrongCountsError
from tests.bench.remembered_ids import bytes_per_id

_IDS = 20_000


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder: Path = tmp_path_factory.mktemp("remembered")
    server = RedisServer(folder, 26479)
    server.start()
    yield server.url
    server.stop()


def test_all_of_an_apps_keys_count_and_those_of_others_do_not(redis_url: str) -> None:
    with Redis.from_url(redis_url) as redis:
        before = redis.info("memory")["used_memory"]
        for window in ("1", "2"):
            ids = {uuid.uuid4().bytes: os.urandom(20) for _ in range(_IDS // 2)}
            redis.hset(f"ingest:{{0}}:seen:chess:{window}", mapping=ids)
        taken = redis.info("memory")["used_memory"] - before
        redis.hset("ingest:{0}:seen:go:1", mapping={os.urandom(16): os.urandom(20)})
        redis.set("enrich:{0}:session:chess:1", os.urandom(100_000))
    # The connection's own buffers come and go.
    assert bytes_per_id(redis_url, "chess", _IDS) == pytest.approx(taken / _IDS, rel=0.05)


def test_an_app_without_ids_is_a_mistake(redis_url: str) -> None:
    with pytest.raises(WrongCountsError, match="remembers no ids"):
        bytes_per_id(redis_url, "checkers", 1)
