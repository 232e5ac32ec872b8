"""The suites that the tests of this folder share: starting one costs ten seconds of CPU.

What a module counts and stops decides which one it uses; all modules of one suite are in one xdist_group, so
that it is not started on both workers.
"""

import shutil
from collections.abc import Iterator

import pytest

from suite.home import Home
from suite.supervisor import Suite
from tests.support.environment import without_settings
from tests.support.repository import REPOSITORY
from tests.support.stream_events import APP, PERSON
from tests.support.suite_calls import SuiteCalls, suite_calls


def _running_suite(tmp_path_factory: pytest.TempPathFactory, **settings: str) -> Iterator[Suite]:
    home = Home(tmp_path_factory.mktemp("suite"))
    with Suite(home, {**without_settings(), **settings}) as running:
        yield running
    shutil.rmtree(home.path)


@pytest.fixture(scope="package")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Suite]:
    """The real suite: four service processes on stores of their own, not supervised; for all tests that leave
    it as it is but for the events they send. Group "suite"."""
    yield from _running_suite(tmp_path_factory)


@pytest.fixture(scope="package")
def counted_suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Suite]:
    """A suite for modules that count all events of an app, each of other apps than the others, or stop parts
    and start them again. Group "suite"."""
    yield from _running_suite(tmp_path_factory)


@pytest.fixture(scope="package")
def import_suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Suite]:
    """A suite for commands that read files: first those that count all that they have imported. Group
    "e2e import"."""
    yield from _running_suite(tmp_path_factory)


@pytest.fixture(scope="package")
def growing_suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Suite]:
    """A suite for modules with apps of their own, which they add with `add_catalogs`, and for one that counts
    all events of the shipped apps. Group "e2e apps"."""
    folder = tmp_path_factory.mktemp("catalogs")
    shutil.copytree(REPOSITORY / "catalogs", folder, dirs_exist_ok=True)
    yield from _running_suite(
        tmp_path_factory, WEIR_CATALOGS=str(folder), WEIR_CATALOG_POLL_SECONDS="0"
    )


@pytest.fixture
def calls(suite: Suite) -> Iterator[SuiteCalls]:
    """Calls to the running suite, for a person who has granted telemetry."""
    with suite_calls(suite) as opened:
        opened.record_consent(APP, PERSON, telemetry=True)
        yield opened
