"""The lock of the extra `bench-queries` is installed over that of the suite, whose versions must stay."""

from tests.support.locks import pins
from tests.support.repository import REPOSITORY

PACKAGES = {"duckdb", "pyarrow"}
LOCK = (REPOSITORY / "tests" / "bench" / "queries" / "requirements.lock").read_text()
SUITE = pins((REPOSITORY / "requirements.lock").read_text())


def test_it_changes_no_version_of_the_suite_and_adds_its_two_packages() -> None:
    bench = pins(LOCK)
    assert {name: SUITE.get(name, version) for name, version in bench.items()} == bench
    assert bench.keys() - SUITE.keys() == PACKAGES


def test_every_pin_has_a_hash_and_no_index_is_named() -> None:
    assert LOCK.count("==") == len(pins(LOCK))
    assert LOCK.count("--hash=sha256:") >= len(pins(LOCK))
    assert "://" not in LOCK
