"""`docs/catalog.md`: its example, put together, is a catalog, and the one that the page describes."""

import re
from pathlib import Path

from libs.catalog import load_catalog
from libs.catalog.compile_catalog import OPAQUE_SECTIONS
from tests.support.repository import REPOSITORY

PAGE = (REPOSITORY / "docs" / "catalog.md").read_text()
EXAMPLE = "\n".join(re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))


def test_the_example_lints_and_says_what_the_page_says(tmp_path: Path) -> None:
    file = tmp_path / "chess.yaml"
    file.write_text(EXAMPLE)
    catalog = load_catalog(file)
    ended, joined = catalog.events["game.ended"], catalog.events["club.joined"]
    assert (ended.raw_retention_days, ended.sampling["production"]) == (30, 0.5)
    assert (list(joined.versions), joined.latest.version) == (["1.0.0", "1.1.0"], "1.1.0")
    assert catalog.activity == frozenset({"game.ended", "club.joined"})
    # The page advises against an activity of which only a part asks for consent.
    assert ended.purpose == joined.purpose == catalog.purposes["telemetry"]
    games = catalog.rollups["games"]
    assert games.events == {"game.ended"}
    assert [dimension.name for dimension in games.dimensions] == ["club_id", "mode"]
    # What the page says about every app.
    assert set(catalog.rollups) == {"games", "events", "activity"}


def test_every_section_that_the_page_explains_is_in_the_example() -> None:
    titles = [
        title for line in re.findall(r"^## (.+)$", PAGE, re.MULTILINE) for title in line.split(", ")
    ]
    written = set(re.findall(r"^([a-z_]+):", EXAMPLE, re.MULTILINE))
    explained = set(titles) - {"The app", "Changing a catalog"} - set(OPAQUE_SECTIONS)
    assert len(explained) >= 9
    assert explained <= written
