"""The two copies of IP assets differ in one thing."""

from pathlib import Path

from libs.catalog import load_catalog
from tests.bench.sealing import SEALED, UNSEALED, write_catalogs


def test_one_copy_seals_and_the_other_does_not(tmp_path: Path) -> None:
    write_catalogs(tmp_path / "catalogs")
    sealed, unsealed = (
        load_catalog(tmp_path / "catalogs" / f"{app_id}.yaml") for app_id in (SEALED, UNSEALED)
    )
    assert sealed.sealed == {"search_performed": {"query"}}
    assert unsealed.sealed == {}
    assert sealed.events.keys() == unsealed.events.keys()
    assert sealed.rollups.keys() == unsealed.rollups.keys()
