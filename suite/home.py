"""The folder of one running suite (`WEIR_HOME`, by default `.weir/`) and what it says to others."""

import fcntl
import json
import os
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from libs.runtime.durable_files import write_private
from suite.private_files import kept_secret, read_secret

_PRIVATE = 0o600
_OF_OTHERS = 0o077
# A command that looks whether a suite runs holds the lock for much less than that.
_LOCK_SECONDS = 0.5
_LOCK_POLL_SECONDS = 0.02


class HomeError(Exception):
    """A home that cannot be used, or one in which a suite runs already; the message says which and
    what to do."""


class NotRunningError(HomeError):
    """No suite runs in this home."""


@dataclass(frozen=True)
class Addresses:
    """Where a running suite listens, for the CLI and for tests; kept in `weir.json`."""

    # Service name -> `host:port` of its gRPC server.
    services: Mapping[str, str]
    # Service name -> `http://host:port/metrics`.
    metrics: Mapping[str, str]
    database_url: str = field(repr=False)
    redis_url: str = field(repr=False)
    # The bearer token that the services accept.
    token: str = field(repr=False)
    # The process that supervises the suite.
    pid: int
    # The folder that its services read their catalogs from. Empty if an older Weir wrote the file.
    catalogs: str = ""
    # Where to read the stored events, as the role `weir_read`. Empty if an older Weir wrote the file.
    read_database_url: str = field(default="", repr=False)


@dataclass(frozen=True)
class Home:
    """A suite's folder: data, logs, secrets, addresses. Only its owner can read it."""

    path: Path

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Home":
        """The folder that WEIR_HOME names, else `.weir` in the working directory."""
        return cls(Path(environment.get("WEIR_HOME") or ".weir").absolute())

    @property
    def logs(self) -> Path:
        """The folder of the services' logs."""
        return self.path / "logs"

    @property
    def archive_url(self) -> str:
        """Where the archive is, unless a setting says otherwise."""
        return (self.path / "archive").as_uri()

    def make_logs(self) -> None:
        """Makes the folder of the logs. Raises HomeError."""
        with self._writing():
            self.logs.mkdir(mode=0o700, exist_ok=True)

    @property
    def addresses_file(self) -> Path:
        """There while a suite runs."""
        return self.path / "weir.json"

    @property
    def _lock_file(self) -> Path:
        return self.path / "weir.lock"

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Holds the folder for this process, and lets only its owner look into it from then on. Raises
        HomeError if another suite runs in it, if it cannot be made or written, or if others may look into
        it and it holds other things. Removes the addresses of a suite that was killed.

        The kernel drops the lock with the process, however that ends.
        """
        self._create()
        with self._writing():
            self._keep_private()
            descriptor = os.open(self._lock_file, os.O_RDWR | os.O_CREAT, _PRIVATE)
        try:
            if not _locked(descriptor):
                holder = os.read(descriptor, 32).decode() or "unknown"
                raise HomeError(
                    f"a suite is already running in {self.path} (pid {holder}); "
                    "stop it, or set WEIR_HOME to another folder"
                )
            with self._writing():
                self.remove_addresses()
            os.truncate(descriptor, 0)
            os.write(descriptor, str(os.getpid()).encode())
            yield
        finally:
            # The file stays: to remove it would let two processes lock two files of one name.
            os.close(descriptor)

    def write_addresses(self, addresses: Addresses) -> None:
        """Publishes the addresses: at once or not at all, readable by the owner only. Raises HomeError."""
        self._create()
        with self._writing():
            write_private(self.addresses_file, json.dumps(asdict(addresses), indent=2) + "\n")

    def read_addresses(self) -> Addresses:
        """The running suite's addresses. Raises NotRunningError if none runs here, HomeError if
        the folder or the file is not what it should be."""
        try:
            addresses = Addresses(**json.loads(self.addresses_file.read_text()))
        except FileNotFoundError:
            raise self._not_running() from None
        except NotADirectoryError:
            raise _not_a_folder(self.path) from None
        except OSError as error:
            raise HomeError(f"{self.addresses_file}: {error.strerror}") from None
        except (ValueError, TypeError) as error:
            raise HomeError(f"{self.addresses_file} is not readable: {error}") from error
        # A killed suite leaves them behind, and its pid may be another process's by now.
        if not self._is_locked():
            raise self._not_running()
        return addresses

    def remove_addresses(self) -> None:
        """Says that no suite runs here any more; does nothing if none did."""
        self.addresses_file.unlink(missing_ok=True)

    def secret(self, name: str) -> str:
        """A secret kept in the file `name`: made when first asked for, the same ever after. Raises
        HomeError."""
        self._create()
        with self._writing():
            return kept_secret(self.path / name)

    def secret_file(self, name: str, make: Callable[[], str]) -> Path:
        """The file `name` with a secret that is more than one word: `make` says what is in it at first.
        Raises HomeError."""
        self._create()
        file = self.path / name
        with self._writing():
            if not read_secret(file):
                write_private(file, make() + "\n")
        return file

    def _is_locked(self) -> bool:
        try:
            descriptor = os.open(self._lock_file, os.O_RDONLY)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise HomeError(f"{self._lock_file}: {error.strerror}") from None
        try:
            # Shared: commands that look at the same time do not take each other for a suite.
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        else:
            return False
        finally:
            os.close(descriptor)

    def _create(self) -> None:
        for folder in (*reversed(self.path.parents), self.path):
            # `mkdir(parents=True)` would give only the last one the mode.
            try:
                folder.mkdir(mode=0o700, exist_ok=True)
            except FileExistsError:
                raise _not_a_folder(folder) from None
            except OSError as error:
                raise HomeError(
                    f"cannot make {folder}: {error.strerror}; set WEIR_HOME to another folder"
                ) from None

    def _keep_private(self) -> None:
        """Takes the rights of group and others from a folder of ours that was there before. Raises HomeError
        if it seems to be meant for them: no suite made what is in it, or it is like /tmp."""
        about = self.path.stat()
        mode = stat.S_IMODE(about.st_mode)
        if about.st_uid != os.geteuid() or not mode & _OF_OTHERS:
            return
        ours_alone = self._lock_file.exists() and not mode & stat.S_ISVTX
        if not ours_alone and any(self.path.iterdir()):
            raise HomeError(
                f"others can look into {self.path}, which has other things in it: set WEIR_HOME to another "
                "folder, or let only its owner in with chmod 700"
            )
        self.path.chmod(mode & ~_OF_OTHERS)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise HomeError(
                f"cannot write in {self.path}: {error.strerror}; set WEIR_HOME to another folder"
            ) from None

    def _not_running(self) -> NotRunningError:
        return NotRunningError(
            f"no running suite in {self.path}: start one with `weir up`, or set WEIR_HOME to the home of "
            "one that runs"
        )


def _locked(descriptor: int) -> bool:
    """Locks an open file for this process; False if another process keeps it."""
    deadline = time.monotonic() + _LOCK_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(_LOCK_POLL_SECONDS)
        else:
            return True


def _not_a_folder(path: Path) -> HomeError:
    return HomeError(f"{path} is not a folder: set WEIR_HOME to one")
