"""The holder: what was taken stays as it was, and the last snapshots are remembered."""

from libs.catalog import Catalogs, Snapshot
from tests.support.small_catalog import small

CHESS = small()


def snapshot(version: str) -> Snapshot:
    return Snapshot.of(CHESS, version=version)


def test_what_was_taken_stays_and_the_next_one_gets_the_new_snapshot() -> None:
    catalogs = Catalogs(snapshot("1"))
    taken = catalogs.current
    catalogs.replace(Snapshot.of(version="2"))
    assert (taken.version, list(taken.catalogs)) == ("1", ["chess"])
    assert (catalogs.current.version, list(catalogs.current.catalogs)) == ("2", [])
    newest = catalogs.newest("chess")
    assert newest is not None
    assert newest.catalog is CHESS
    assert catalogs.newest("go") is None


def test_it_remembers_the_last_eight_snapshots_newest_first() -> None:
    catalogs = Catalogs(snapshot("0"))
    for version in range(1, 11):
        catalogs.replace(snapshot(str(version)))
    assert [earlier.version for earlier in catalogs.earlier] == list("98765432")
