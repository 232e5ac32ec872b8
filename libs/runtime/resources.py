"""Where the files that come with Weir are: catalogs, migrations."""

from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
