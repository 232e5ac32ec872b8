"""What the service is asked about: Social Live's events, the one rollup that a question reads, and a metric
of single people, which Social Live has none of."""

from pathlib import Path

import yaml

from libs.catalog import Catalog, load_catalog
from libs.runtime.resources import CATALOGS

APP = "social_live"
ROLLUP = "views"
PERSONAL_METRIC = "done"


def write_catalog(folder: Path) -> None:
    """Writes the catalog into a folder for catalogs, which it makes if it is missing."""
    declared = yaml.safe_load((CATALOGS / f"{APP}.yaml").read_text())
    declared["rollups"] = {ROLLUP: declared["rollups"][ROLLUP]}
    declared["metrics"] = {
        PERSONAL_METRIC: {"description": "What a person did on a day", "counts": ["*"]}
    }
    for unused in ("gauges", "jobs"):
        declared.pop(unused, None)
    folder.mkdir(parents=True, exist_ok=True)
    _file(folder).write_text(yaml.safe_dump(declared, sort_keys=False))


def load(folder: Path) -> Catalog:
    """The catalog that was written there."""
    return load_catalog(_file(folder))


def _file(folder: Path) -> Path:
    return folder / f"{APP}.yaml"
