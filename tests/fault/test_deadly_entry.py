"""An entry that kills its reader: it takes nothing with it, and is quarantined after enough deaths."""

import os
import signal
import sys

import pytest
from redis import Redis

from libs.streams.names import quarantine_stream
from libs.streams.settings import StreamReaderSettings
from tests.fault.deadly_reader import DEADLY, DONE, GROUP, STREAM
from tests.support.waiting import eventually
from tests.support.weir_command import started

pytestmark = [pytest.mark.fault, pytest.mark.xdist_group("fault")]
ENTRIES = 200
QUARANTINE = quarantine_stream(GROUP, 0)


def test_an_entry_that_kills_its_readers_is_quarantined_alone(redis_url: str) -> None:
    command = [sys.executable, "-m", "tests.fault.deadly_reader", redis_url]
    # Once with its chunk, and then as often as it is tried alone.
    deaths = 1 + StreamReaderSettings().max_attempts
    with Redis.from_url(redis_url) as redis:
        for number in range(ENTRIES):
            redis.xadd(STREAM, {"n": number})
        for _ in range(deaths):
            with started(command, dict(os.environ)) as reader:
                eventually(lambda: reader.poll() is not None)
                assert reader.returncode == -signal.SIGKILL
                assert not redis.exists(QUARANTINE)
        with started(command, dict(os.environ)) as reader:
            eventually(lambda: redis.scard(DONE) == ENTRIES - 1)
            eventually(lambda: redis.xlen(QUARANTINE) == 1)
            assert reader.poll() is None
        [(_, quarantined)] = redis.xrange(QUARANTINE)
        assert quarantined[b"n"] == DEADLY
        assert not redis.sismember(DONE, DEADLY)
