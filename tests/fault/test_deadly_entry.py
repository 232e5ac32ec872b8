"""An entry that kills whoever reads it: it takes nothing with it, and is put aside after enough deaths."""

import os
import signal
import sys
import time

import pytest
from redis import Redis

from libs.common.settings import CommonSettings
from tests.support.waiting import PATIENCE_SECONDS
from tests.support.weir_command import started

pytestmark = [pytest.mark.fault, pytest.mark.xdist_group("fault")]
STREAM = "test:{0}:deadly"
ENTRIES, DEADLY = 200, 77
# Counts entries in Redis, and dies of one of them. Repeating is harmless: a set.
READER = f"""
import asyncio, os, signal, sys
from libs.common.redis_client import create_redis
from libs.common.settings import CommonSettings
from libs.pipeline.consumer import create_consumer

async def main():
    redis = create_redis(sys.argv[1])

    async def work(entries):
        for entry in entries:
            if entry.fields[b"n"] == b"{DEADLY}":
                os.kill(os.getpid(), signal.SIGKILL)
            await redis.sadd("done", entry.fields[b"n"])

    await create_consumer(
        redis, CommonSettings(claim_idle_seconds=0.3), group="test", streams=["{STREAM}"],
        work=work, is_transient=lambda error: False,
    ).run(asyncio.Event())

asyncio.run(main())
"""


def test_an_entry_that_kills_its_readers_is_put_aside_alone(redis_url: str) -> None:
    deaths = 0
    with Redis.from_url(redis_url) as redis:
        for number in range(ENTRIES):
            redis.xadd(STREAM, {"n": number})
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not redis.exists("test:{0}:poison"):
            assert time.monotonic() < deadline
            with started([sys.executable, "-c", READER, redis_url], dict(os.environ)) as reader:
                while reader.poll() is None and not redis.exists("test:{0}:poison"):
                    assert time.monotonic() < deadline
                    time.sleep(0.02)
                deaths += reader.poll() == -signal.SIGKILL
        [(_, aside)] = redis.xrange("test:{0}:poison")
        assert aside[b"n"] == b"%d" % DEADLY
        # Once with its chunk, and then as often as it is tried alone.
        assert deaths == 1 + CommonSettings().max_attempts
        with started([sys.executable, "-c", READER, redis_url], dict(os.environ)):
            while redis.scard("done") < ENTRIES - 1:
                assert time.monotonic() < deadline
                time.sleep(0.02)
        assert not redis.sismember("done", DEADLY)
