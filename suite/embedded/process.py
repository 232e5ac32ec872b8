"""A child process that never outlives its parent, even one that is killed with SIGKILL."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

_LAUNCHER = Path(__file__).with_name("launcher.py")
_LOG_KEPT_BYTES = 16 * 1024 * 1024
_LEFTOVER_SECONDS = 60


class StartError(Exception):
    """A server did not start or stop; the message says what failed and ends with its last words."""


@dataclass(frozen=True)
class User:
    """A user of the operating system."""

    uid: int
    gid: int


def start_child(
    command: Sequence[str],
    *,
    death_signal: signal.Signals,
    log: Path,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
    user: User | None = None,
    stdin: int = subprocess.DEVNULL,
) -> subprocess.Popen[bytes]:
    """Starts `command` (first word: a path) as a direct child, its output appended to `log`.

    The child has its own session, so that Ctrl-C in the terminal reaches only the parent, which
    then stops its children in order. When the parent is gone, for whatever reason, Linux sends the
    child `death_signal`.

    Call it from the main thread or from one that lives as long as the child shall: to Linux the
    "parent" is the *thread* that started the child. `user` needs root. `stdin` is as for Popen.
    """
    owner = (str(user.uid), str(user.gid)) if user else ("-1", "-1")
    launch = [sys.executable, "-I", "-S", str(_LAUNCHER)]
    launch += [str(os.getpid()), str(int(death_signal)), *owner, *command]
    with log.open("ab") as output:
        return subprocess.Popen(
            launch,
            stdin=stdin,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            env=environment,
            start_new_session=True,
        )


def stop_child(
    process: subprocess.Popen[bytes], *, signal_: signal.Signals, grace_seconds: float
) -> None:
    """Asks the child to end, and kills it after `grace_seconds`."""
    if process.poll() is None:
        # A stopped (SIGSTOP) child takes notice of nothing but SIGKILL.
        process.send_signal(signal.SIGCONT)
        process.send_signal(signal_)
    try:
        process.wait(grace_seconds)
    except subprocess.TimeoutExpired:
        kill_child(process)


def kill_child(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL to the child and its own children; returns when all are gone."""
    descendants: list[psutil.Process] = []
    if process.poll() is None:
        try:
            descendants = psutil.Process(process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            descendants = []
        process.kill()
        for descendant in descendants:
            try:
                descendant.kill()
            except psutil.NoSuchProcess:
                continue
    process.wait()
    while any(_is_alive(descendant) for descendant in descendants):
        time.sleep(0.01)


def _is_alive(process: psutil.Process) -> bool:
    try:
        # Orphans stay zombies for as long as the init process likes; they hold nothing any more.
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait_until_unused(folder: Path, name: str) -> None:
    """Returns when no process called `name` works in `folder`: a parent's end may be so recent that
    its servers are still shutting down. Raises StartError if one does not end.
    """
    deadline = time.monotonic() + _LEFTOVER_SECONDS
    while pids := _processes_in(folder.resolve(), name):
        if time.monotonic() > deadline:
            raise StartError(f"{folder} is in use by {name}, pid {min(pids)}")
        time.sleep(0.05)


def _processes_in(folder: Path, name: str) -> list[int]:
    found = []
    for process in psutil.process_iter(["name"]):
        if process.info["name"] != name:
            continue
        try:
            if process.cwd() == str(folder):
                found.append(process.pid)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def log_tail(log: Path, *, start: int = 0, lines: int = 15) -> str:
    """The last lines of a log that were written after byte `start`."""
    try:
        with log.open("rb") as file:
            file.seek(start)
            text = file.read().decode(errors="replace")
    except FileNotFoundError:
        return ""
    return "\n".join(text.splitlines()[-lines:])


def log_size(log: Path) -> int:
    """Bytes in the log, 0 if there is none: the `start` for a later `log_tail`."""
    return log.stat().st_size if log.exists() else 0


def rotate_log(log: Path) -> None:
    """Sets a log aside once it has grown large, so that an old home does not fill the disk."""
    if log_size(log) > _LOG_KEPT_BYTES:
        log.replace(log.with_name(f"{log.name}.1"))
