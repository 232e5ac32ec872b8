"""The lock of the extra `bench` is installed over that of the suite, whose versions must stay."""

from tests.bench.by_hand.server import PACKAGES
from tests.support.locks import pins
from tests.support.repository import REPOSITORY

LOCK = (REPOSITORY / "tests" / "bench" / "by_hand" / "requirements.lock").read_text()


def test_it_changes_no_version_of_the_suite() -> None:
    suite = pins((REPOSITORY / "requirements.lock").read_text())
    bench = pins(LOCK)
    assert {name: suite.get(name, version) for name, version in bench.items()} == bench
    assert set(PACKAGES) <= bench.keys()


def test_the_suite_does_without_it() -> None:
    suite = pins((REPOSITORY / "requirements.lock").read_text())
    assert not set(PACKAGES) & suite.keys()


def test_every_pin_has_a_hash_and_no_index_is_named() -> None:
    assert LOCK.count("==") == len(pins(LOCK))
    assert LOCK.count("--hash=sha256:") >= len(pins(LOCK))
    assert "://" not in LOCK
