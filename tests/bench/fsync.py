"""How long this machine takes to bring a few bytes to the disk, which is what an ack waits for."""

import os
import time
from pathlib import Path
from tempfile import TemporaryFile

_TIMES = 200
_BYTES = 4096


def fsync_seconds(folder: Path) -> list[float]:
    """The time of each of 200 `fdatasync` of a file in `folder` that grows by 4 KiB each time: what Redis and
    Postgres call."""
    seconds = []
    with TemporaryFile(dir=folder, buffering=0) as file:
        for _ in range(_TIMES):
            file.write(bytes(_BYTES))
            start = time.perf_counter()
            os.fdatasync(file.fileno())
            seconds.append(time.perf_counter() - start)
    return seconds
