"""Loads a folder of catalogs."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from libs.catalog.compile_catalog import compile_catalog
from libs.catalog.folder import read_files
from libs.catalog.model import Catalog
from libs.catalog.problems import CatalogError, Problem
from libs.catalog.snapshot import Snapshot, SnapshotEntry


def load_catalog(file: Path) -> Catalog:
    """The catalog in `file`. Raises CatalogError, also when the file cannot be read."""
    try:
        content: bytes | OSError = file.read_bytes()
    except OSError as error:
        content = error
    return _compile(file, content)


def load_catalogs(folder: Path) -> Mapping[str, Catalog]:
    """Every `*.yaml` in `folder`, by app id, in the order of the file names. Raises CatalogError, as
    `load_snapshot` does."""
    return load_snapshot(folder).catalogs


def load_snapshot(
    folder: Path, *, loaded_at_us: int = 0, previous: Snapshot | None = None
) -> Snapshot:
    """Every `*.yaml` in `folder`, in the order of the file names. Catalogs whose files are as they were
    in `previous` are taken from there instead of being compiled again.

    Raises CatalogError with the problems of all files: broken ones, two files for one app, a file
    that is not named after its app, a folder that is not there or has no catalogs.
    """
    problems: list[Problem] = []
    entries: dict[str, SnapshotEntry] = {}
    known = {entry.digest: entry for entry in previous.entries.values()} if previous else {}
    files = read_files(folder)
    if not files:
        reason = "no catalogs (*.yaml) here" if folder.is_dir() else "there is no such folder"
        problems.append(Problem(str(folder), 1, reason))
    for file, content in files.items():
        try:
            entry = _entry(file, content, known)
        except CatalogError as error:
            problems.extend(error.problems)
            continue
        app_id = entry.catalog.app_id
        if app_id != file.stem:
            reason = f"app_id: the file of `{app_id}` is called {app_id}.yaml"
            problems.append(Problem(str(file), 1, reason))
        entries[app_id] = entry
    if problems:
        raise CatalogError(problems)
    digests = [entry.digest for entry in entries.values()]
    return Snapshot(_digest(*digests).hex()[:12], loaded_at_us, entries)


def _entry(
    file: Path, content: bytes | OSError, known: Mapping[bytes, SnapshotEntry]
) -> SnapshotEntry:
    if isinstance(content, OSError):
        return SnapshotEntry(_compile(file, content))
    digest = _digest(file.name.encode(), content)
    return known.get(digest) or SnapshotEntry(_compile(file, content), digest)


def _compile(file: Path, content: bytes | OSError) -> Catalog:
    if isinstance(content, OSError):
        problem = Problem(str(file), 1, f"cannot be read: {content.strerror}")
        raise CatalogError([problem]) from None
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        raise CatalogError([Problem(str(file), 1, "is not UTF-8 text")]) from None
    # As when a file is read as text.
    return compile_catalog(text.replace("\r\n", "\n").replace("\r", "\n"), str(file))


def _digest(*parts: bytes) -> bytes:
    """Of the parts and of where each begins. The same in every process and release."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.digest()
