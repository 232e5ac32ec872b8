"""What every `libs.objects.ObjectStore` promises: a folder, and a server that speaks S3."""

import asyncio
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from libs.common.errors import ConfigurationError
from libs.objects import ObjectMissing, ObjectStore, ObjectStoreError
from libs.objects.opening import open_objects
from libs.objects.port import read_all, sha256_of
from tests.support.s3_server import BUCKET

SETTING = "WEIR_ENRICH_ARCHIVE_URL"


@pytest.fixture(params=["folder", "s3"])
def url(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "folder":
        return f"file://{tmp_path}/objects"
    variables: Mapping[str, str] = request.getfixturevalue("s3")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return f"s3://{BUCKET}/{uuid.uuid4()}/archive"


@pytest.fixture
def store(url: str) -> ObjectStore:
    return open_objects(url, SETTING)


async def keys(store: ObjectStore, prefix: str = "") -> set[str]:
    return {info.key async for info in store.list(prefix)}


async def pieces(*texts: bytes) -> AsyncIterator[bytes]:
    for text in texts:
        yield text


async def test_an_object_is_what_was_put(store: ObjectStore) -> None:
    await store.put("app=chess/date=2026-08-01/part-1.parquet", b"abc")
    assert await read_all(store, "app=chess/date=2026-08-01/part-1.parquet") == b"abc"
    # The first example of FIPS 180-2.
    assert await sha256_of(store, "app=chess/date=2026-08-01/part-1.parquet") == (
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )


async def test_an_object_is_replaced_as_a_whole(store: ObjectStore) -> None:
    await store.put("a", b"a longer one")
    await store.put("a", b"short")
    found = await store.find("a")
    assert found is not None
    assert (found.key, found.size_bytes) == ("a", 5)
    assert abs(found.modified_at - datetime.now(UTC)) < timedelta(minutes=5)


async def test_a_large_file_goes_in_and_out(store: ObjectStore, tmp_path: Path) -> None:
    content = b"".join(number.to_bytes(4, "big") for number in range(5_000_000))
    (tmp_path / "large").write_bytes(content)
    await store.put("large", tmp_path / "large")
    assert await read_all(store, "large") == content
    # The numbers 2,500,000 and the one behind it.
    part = b"".join([piece async for piece in store.read("large", 10_000_000, 10_000_008)])
    assert part == (2_500_000).to_bytes(4, "big") + (2_500_001).to_bytes(4, "big")


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (0, None, b"0123"),
        (2, None, b"23"),
        (1, 3, b"12"),
        (3, 99, b"3"),
        (4, None, b""),
        (9, 12, b""),
    ],
)
async def test_a_range_ends_with_the_object(
    store: ObjectStore, start: int, end: int | None, expected: bytes
) -> None:
    await store.put("digits", b"0123")
    assert b"".join([piece async for piece in store.read("digits", start, end)]) == expected


async def test_pieces_become_one_object(store: ObjectStore) -> None:
    await store.put("pieces", pieces(b"one,", b"", b"two"))
    assert await read_all(store, "pieces") == b"one,two"
    await store.put("nothing", b"")
    assert await read_all(store, "nothing") == b""


async def test_what_fails_half_way_leaves_the_object_as_it_was(store: ObjectStore) -> None:
    async def failing() -> AsyncIterator[bytes]:
        yield b"half of it"
        raise RuntimeError("the source ended")

    await store.put("kept", b"before")
    for key in ("kept", "new"):
        with pytest.raises(RuntimeError, match="the source ended"):
            await store.put(key, failing())
    assert await keys(store) == {"kept"}
    assert await read_all(store, "kept") == b"before"


async def test_lists_a_folder_and_not_its_namesakes(store: ObjectStore) -> None:
    for key in ("app=a/1", "app=a/date=x/2", "app=ab/3"):
        await store.put(key, b"")
    assert await keys(store) == {"app=a/1", "app=a/date=x/2", "app=ab/3"}
    assert await keys(store, "app=a") == {"app=a/1", "app=a/date=x/2"}
    assert await keys(store, "app=b") == set()


async def test_an_object_moves_and_moves_again(store: ObjectStore) -> None:
    await store.put("staged/1", b"content")
    await store.put("app=a/1", b"an older one")
    await store.move("staged/1", "app=a/1")
    # As the next run would after a crash.
    await store.move("staged/1", "app=a/1")
    assert await keys(store) == {"app=a/1"}
    assert await read_all(store, "app=a/1") == b"content"
    with pytest.raises(ObjectMissing):
        await store.move("staged/1", "app=a/2")


async def test_deleting_is_for_those_that_are_there(store: ObjectStore) -> None:
    await store.put("a", b"")
    await store.put("b/c", b"")
    await store.delete(["a", "b/d", "e"])
    assert await keys(store) == {"b/c"}


async def test_what_is_not_there(store: ObjectStore) -> None:
    assert await store.find("missing") is None
    with pytest.raises(ObjectMissing):
        await read_all(store, "missing")


@pytest.mark.parametrize(
    "key", ["", "/a", "a//b", "../a", "a/..", "a/.", ".a", "ä", "a b", "a" * 201]
)
async def test_keys_that_a_store_might_read_otherwise(store: ObjectStore, key: str) -> None:
    with pytest.raises(ValueError, match="an object's key"):
        await store.put(key, b"")


@pytest.mark.parametrize(
    "url", ["", "/folder", "file://host/folder", "s3://", "s3://key:secret@bucket", "ftp://host/x"]
)
def test_urls_that_name_no_store(url: str) -> None:
    with pytest.raises(ConfigurationError, match=SETTING):
        open_objects(url, SETTING)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ConfigurationError, match=f"{SETTING}: cannot use"):
        open_objects(f"file://{tmp_path}/file", SETTING)


async def test_a_bucket_that_is_not_there(
    s3: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in s3.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ObjectStoreError, match="no such bucket"):
        await open_objects("s3://nobucket", SETTING).put("a", b"")


async def test_only_its_user_can_look_into_a_folder(tmp_path: Path) -> None:
    store = open_objects(f"file://{tmp_path}/a/objects", SETTING)
    await store.put("x/y", b"")
    assert (tmp_path / "a" / "objects").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "a" / "objects" / "x" / "y").stat().st_mode & 0o777 == 0o600


_DYING = """
import asyncio, sys
from libs.objects.opening import open_objects

async def pieces():
    yield b"half of it"
    print("half", flush=True)
    await asyncio.sleep(600)

asyncio.run(open_objects(sys.argv[1], "URL").put("key", pieces()))
"""


async def test_a_killed_writer_leaves_no_object(tmp_path: Path) -> None:
    url = f"file://{tmp_path}/objects"
    command = [sys.executable, "-c", _DYING, url]
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert await process.stdout.readline() == b"half\n"
    process.kill()
    await process.wait()
    store = open_objects(url, SETTING)
    assert await keys(store) == set()
    left = [path for path in (tmp_path / "objects").rglob("*") if path.is_file()]
    assert len(left) == 1
    assert await store.remove_unfinished(datetime.now(UTC) - timedelta(hours=1)) == 0
    assert await store.remove_unfinished(datetime.now(UTC) + timedelta(hours=1)) == 1
    assert not left[0].exists()
