"""A suite for tests that kill parts of it."""

import shutil
from collections.abc import Iterator

import pytest

from suite.home import Home
from suite.supervisor import Suite
from tests.support.environment import without_settings

APP = "unofficial_communities"
# Abandoned batches are claimed quickly here, so that the tests need not wait for it.
CLAIM_IDLE_SECONDS = "1"
# A verification ends with an answer, however busy the machine is.
SETTINGS = {
    "WEIR_CLAIM_IDLE_SECONDS": CLAIM_IDLE_SECONDS,
    "WEIR_AGGREGATE_VERIFY_STATEMENT_SECONDS": "100",
}


@pytest.fixture(scope="module")
def fragile_suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Suite]:
    """The real suite with short claim times; tests kill and restart its parts by hand."""
    home = Home(tmp_path_factory.mktemp("fragile"))
    environment = {**without_settings(), **SETTINGS}
    with Suite(home, environment) as running:
        yield running
    shutil.rmtree(home.path)
