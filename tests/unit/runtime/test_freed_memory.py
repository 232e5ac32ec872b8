"""Freed memory goes back to the system."""

import asyncio
import ctypes
import sys

import pytest

from libs.runtime.freed_memory import freed_memory_loop, system_trim

BLOCK, BLOCKS = 8_192, 8_000


def resident_mib() -> int:
    with open("/proc/self/status") as status:
        line = next(line for line in status if line.startswith("RssAnon"))
    return int(line.split()[1]) // 1024


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's heap")
async def test_what_lies_below_an_object_in_use_is_returned_as_well() -> None:
    trim = system_trim()
    if trim is None:
        pytest.skip("another libc")
    libc = ctypes.CDLL(None)
    libc.malloc.restype = libc.memset.restype = ctypes.c_void_p
    libc.malloc.argtypes, libc.free.argtypes = [ctypes.c_size_t], [ctypes.c_void_p]
    libc.memset.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]
    blocks = [libc.malloc(BLOCK) for _ in range(BLOCKS)]
    for block in blocks:
        libc.memset(block, 1, BLOCK)
    # 62 MiB below it, which glibc keeps.
    *below, last = blocks
    for block in below:
        libc.free(block)
    before = resident_mib()
    trimmed = asyncio.Event()

    def trim_once(kept_bytes: int) -> None:
        trim(kept_bytes)
        trimmed.set()

    (loop,) = freed_memory_loop(trim_once)
    stop = asyncio.Event()
    running = asyncio.create_task(loop.run(stop))
    await trimmed.wait()
    stop.set()
    await running
    assert before - resident_mib() > 50
    libc.free(last)


def test_without_such_a_call_there_is_no_loop() -> None:
    assert freed_memory_loop(None) == []
