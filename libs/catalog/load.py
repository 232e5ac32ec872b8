"""Loads a folder of catalogs."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from libs.catalog.compile_catalog import compile_catalog
from libs.catalog.model import Catalog
from libs.catalog.problems import CatalogError, Problem


def load_catalog(file: Path) -> Catalog:
    """The catalog in `file`. Raises CatalogError, also when the file cannot be read."""
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise CatalogError([Problem(str(file), 1, f"cannot be read: {error.strerror}")]) from None
    except UnicodeDecodeError:
        raise CatalogError([Problem(str(file), 1, "is not UTF-8 text")]) from None
    return compile_catalog(text, str(file))


def load_catalogs(folder: Path) -> Mapping[str, Catalog]:
    """Every `*.yaml` in `folder`, by app id, in the order of the file names.

    Raises CatalogError with the problems of all files: broken ones, two files for one app, a file
    that is not named after its app, a folder that is not there or has no catalogs.
    """
    problems: list[Problem] = []
    catalogs: dict[str, Catalog] = {}
    files = sorted(folder.glob("*.yaml"))
    if not files:
        reason = "no catalogs (*.yaml) here" if folder.is_dir() else "there is no such folder"
        problems.append(Problem(str(folder), 1, reason))
    for file in files:
        try:
            catalog = load_catalog(file)
        except CatalogError as error:
            problems.extend(error.problems)
            continue
        if catalog.app_id != file.stem:
            reason = f"app_id: the file of `{catalog.app_id}` is called {catalog.app_id}.yaml"
            problems.append(Problem(str(file), 1, reason))
        catalogs[catalog.app_id] = catalog
    if problems:
        raise CatalogError(problems)
    return MappingProxyType(catalogs)
