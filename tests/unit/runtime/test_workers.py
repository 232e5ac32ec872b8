"""What becomes of a service when one of its workers, or the parent of these, ends."""

import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from suite.embedded.ports import reserve_port
from tests.support.environment import without_settings
from tests.support.repository import REPOSITORY
from tests.support.waiting import PATIENCE_SECONDS, eventually

PROGRAM = """
from libs.runtime.settings import CommonSettings
from libs.runtime.workers.parent import run_workers
run_workers("fake", "tests.support.fake_worker", CommonSettings(), 2)
"""


class Parent:
    """A parent of two fake workers."""

    def __init__(self, folder: Path, how: str) -> None:
        self.folder = folder
        self._log = folder / "log"
        self._metrics_port = reserve_port(26464)
        environment = {
            **without_settings(),
            "FAKE_WORKER": how,
            "TMPDIR": str(folder),
            "PYTHONPATH": str(REPOSITORY),
            "WEIR_METRICS_PORT": str(self._metrics_port.port),
        }
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", PROGRAM], env=environment, cwd=REPOSITORY, stderr=log
            )

    @property
    def lines(self) -> list[dict[str, Any]]:
        """What parent and workers have logged."""
        return [orjson.loads(line) for line in self._log.read_bytes().splitlines()]

    def logged(self, event: str) -> list[dict[str, Any]]:
        """The lines of one kind."""
        return [line for line in self.lines if line["event"] == event]

    @property
    def serving(self) -> dict[int, int]:
        """The process id of each worker, by its number; a replaced one's is the newest."""
        return {line["worker"]: line["pid"] for line in self.logged("a worker serves")}

    def await_workers(self, starts: int = 2) -> None:
        """Waits until so many processes in all have served."""
        eventually(lambda: len(self.logged("a worker serves")) == starts)

    def ends(self) -> int:
        """Waits for its end; returns the exit status."""
        return self.process.wait(PATIENCE_SECONDS)

    def metrics(self) -> dict[str, Any]:
        """The values of the samples on the page."""
        url = f"http://127.0.0.1:{self._metrics_port.port}/metrics"
        with urllib.request.urlopen(url, timeout=PATIENCE_SECONDS) as answer:
            text = answer.read().decode()
        return {
            sample.name: (*sample.labels.values(), sample.value)
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    def close(self) -> None:
        """Kills what is left; workers end when their parent has gone."""
        self.process.kill()
        self.process.wait()
        eventually(lambda: not any(map(psutil.pid_exists, self.serving.values())))
        self._metrics_port.release()


@pytest.fixture
def parent(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Parent]:
    running = Parent(tmp_path, getattr(request, "param", ""))
    yield running
    running.close()


def test_sigterm_ends_all_of_them_in_order(parent: Parent) -> None:
    parent.await_workers()
    parent.process.terminate()
    assert parent.ends() == 0
    assert not any(map(psutil.pid_exists, parent.serving.values()))
    assert parent.lines[-1]["event"] == "stopped"
    # The files of metrics are gone as well.
    assert [path.name for path in parent.folder.iterdir()] == ["log"]


def test_sigterm_while_they_start_ends_them_as_well(parent: Parent) -> None:
    eventually(lambda: psutil.Process(parent.process.pid).children())
    [first] = psutil.Process(parent.process.pid).children()
    parent.process.terminate()
    assert parent.ends() == 0
    assert not psutil.pid_exists(first.pid)


def test_a_hangup_reaches_each(parent: Parent) -> None:
    parent.await_workers()
    parent.process.send_signal(signal.SIGHUP)
    eventually(lambda: {line["worker"] for line in parent.logged("hung up")} == {1, 2})


def test_a_killed_worker_is_replaced_and_what_it_counted_stays(parent: Parent) -> None:
    parent.await_workers()
    killed = parent.serving[2]
    os.kill(killed, signal.SIGKILL)
    parent.await_workers(starts=3)
    assert parent.serving[2] != killed
    [line] = parent.logged("a worker ended, and another one takes its place")
    assert (line["worker"], line["pid"], line["ended"]) == (2, killed, "killed by SIGKILL")
    shown = parent.metrics()
    assert shown["fake_starts_total"] == (3,)
    assert shown["fake_alive"] == (2,)
    assert shown["fake_info"] == ("new", 1)


@pytest.mark.parametrize("parent", ["broken"], indirect=True)
def test_a_worker_that_cannot_start_ends_the_service_and_says_so_once(parent: Parent) -> None:
    assert parent.ends() == 1
    [line] = parent.logged("the first worker ended before it served")
    assert (line["worker"], line["ended"]) == (1, "exit status 3")
    assert not parent.logged("stopped")


@pytest.mark.parametrize("parent", ["mortal"], indirect=True)
def test_workers_that_keep_ending_end_the_service(parent: Parent) -> None:
    assert parent.ends() == 1
    assert len(parent.logged("a worker ended, and another one takes its place")) == 2
    assert len(parent.logged("workers keep ending, so all end")) == 1


def test_workers_end_when_their_parent_is_killed(parent: Parent) -> None:
    parent.await_workers()
    parent.process.kill()
    parent.process.wait()
    eventually(lambda: not any(map(psutil.pid_exists, parent.serving.values())))
    assert len(parent.logged("the parent of the workers has gone")) == 2
    assert [path.name for path in parent.folder.iterdir()] == ["log"]


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    first = Parent(tmp_path, "")
    try:
        first.await_workers()
        port = first.logged("starting workers")[0]["port"]
        second = subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env={**without_settings(), "WEIR_PORT": str(port)},
            cwd=REPOSITORY,
            capture_output=True,
            timeout=PATIENCE_SECONDS,
        )
    finally:
        first.close()
    assert second.returncode == 1
    assert f"port {port} of 127.0.0.1 cannot be taken".encode() in second.stderr
