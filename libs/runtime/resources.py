"""Where the files that come with Weir are, in the source tree and in an installed wheel alike."""

from pathlib import Path

_HERE = Path(__file__).resolve().parent
# A wheel has them beside this file (pyproject.toml, `wheel.sources`); in the source tree they lie at the top.
_SHIPPED = _HERE / "shipped"
_ROOT = _SHIPPED if _SHIPPED.is_dir() else _HERE.parents[1]

CATALOGS = _ROOT / "catalogs"
MIGRATIONS = _ROOT / "migrations"
