"""Every event of the requirement documents is in its catalog, and nothing else is."""

from collections.abc import Collection, Mapping

import pytest

from libs.catalog import Catalog, load_catalogs
from tests.support.documents.event_names import (
    ADDVALUE,
    EXTRAS,
    IP_ASSETS,
    MLC_LMS,
    SOCIAL_LIVE,
    UNOFFICIAL_COMMUNITIES,
)
from tests.support.repository import REPOSITORY

CATALOGS = REPOSITORY / "catalogs"
ALL_PRODUCERS = ("frontend", "api", "server", "job", "webhooks")


@pytest.fixture(scope="module")
def catalogs() -> Mapping[str, Catalog]:
    return load_catalogs(CATALOGS)


@pytest.mark.parametrize(
    ("app_id", "names", "count"),
    [
        # The counts are the rows of the documents' tables: 9 + 9 + 6 + 7 + 5 + 10 + 5 + 7, and so on.
        ("unofficial_communities", UNOFFICIAL_COMMUNITIES, 58),
        ("mlc_lms", MLC_LMS, 46),
        ("addvalue", ADDVALUE, 25),
        ("ip_assets", IP_ASSETS, 16),
        ("social_live", SOCIAL_LIVE, 5),
    ],
)
def test_a_catalog_declares_exactly_the_events_of_its_document(
    catalogs: Mapping[str, Catalog], app_id: str, names: Collection[str], count: int
) -> None:
    assert len(names) == count
    assert len(set(names)) == count
    events = catalogs[app_id].events
    extras = EXTRAS.get(app_id, {})
    assert set(events) == set(names) | set(extras)
    assert {name: events[name].category.name for name in extras} == extras
    # No event of the document is in the category of an extra.
    assert {events[name].category.name for name in names}.isdisjoint(extras.values())


@pytest.mark.parametrize(("name", "column"), UNOFFICIAL_COMMUNITIES.items())
def test_producers_are_those_of_the_source_column(
    catalogs: Mapping[str, Catalog], name: str, column: str
) -> None:
    expected = ALL_PRODUCERS if column == "All" else (column.lower(),)
    assert catalogs["unofficial_communities"].events[name].producers == expected


def test_every_event_says_what_it_is(catalogs: Mapping[str, Catalog]) -> None:
    for catalog in catalogs.values():
        for event in catalog.events.values():
            assert event.description, f"{catalog.app_id}: {event.name}"
