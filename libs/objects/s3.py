"""Objects in a store that speaks S3."""

import os
from collections.abc import AsyncIterable, AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from libs.objects.port import ObjectInfo, ObjectMissing, ObjectStoreError, check_key

_PIECE_BYTES = 1024 * 1024
# S3 has at most 10,000 parts: files of up to 80 GB.
_PART_BYTES = 8 * 1024 * 1024
# Bounds the memory of an upload, together with the size of a part.
_PARTS_AT_ONCE = 4
_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")


class S3Objects:
    """Implements `port.ObjectStore`: `obstore` tries again what fails for a moment."""

    def __init__(self, bucket: str, prefix: str) -> None:
        """The objects of a bucket whose keys begin with the prefix. AWS's own variables say which store, with
        whose rights."""
        endpoint = next(filter(None, map(os.environ.get, _ENDPOINTS)), "")
        self._store = S3Store(
            bucket,
            prefix=prefix or None,
            # Who names an endpoint without TLS wants it.
            client_options={"allow_http": endpoint.startswith("http://")},
            retry_config={"max_retries": 5, "retry_timeout": timedelta(seconds=60)},
        )

    async def put(self, key: str, content: bytes | Path | AsyncIterable[bytes]) -> None:
        """See the port."""
        try:
            with _failures():
                await obstore.put_async(
                    self._store,
                    check_key(key),
                    content,
                    chunk_size=_PART_BYTES,
                    max_concurrency=_PARTS_AT_ONCE,
                )
        except ObjectMissing:
            raise ObjectStoreError("the S3 store: there is no such bucket") from None

    async def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """See the port."""
        info = await self.find(key)
        if info is None:
            raise ObjectMissing
        last = info.size_bytes if end is None else min(end, info.size_bytes)
        if start >= last:
            return
        with _failures():
            found = await obstore.get_async(self._store, key, options={"range": (start, last)})
            async for piece in found.stream(min_chunk_size=_PIECE_BYTES):
                yield bytes(piece)

    async def list(self, prefix: str = "") -> AsyncIterator[ObjectInfo]:
        """See the port."""
        with _failures():
            folder = check_key(prefix) if prefix else None
            async for chunk in obstore.list(self._store, folder):
                for each in chunk:
                    yield ObjectInfo(each["path"], each["size"], each["last_modified"])

    async def find(self, key: str) -> ObjectInfo | None:
        """See the port."""
        try:
            with _failures():
                about = await obstore.head_async(self._store, check_key(key))
        except ObjectMissing:
            return None
        return ObjectInfo(key, about["size"], about["last_modified"])

    async def move(self, source: str, target: str) -> None:
        """See the port. Copies of more than 5 GB are not possible in S3."""
        try:
            with _failures():
                await obstore.copy_async(self._store, check_key(source), check_key(target))
        except ObjectMissing:
            if await self.find(target) is None:
                raise
        await self.delete([source])

    async def delete(self, keys: Sequence[str]) -> None:
        """See the port."""
        if keys:
            with _failures():
                await obstore.delete_async(self._store, [check_key(key) for key in keys])

    async def remove_unfinished(self, before: datetime) -> int:
        """See the port."""
        return 0


@contextmanager
def _failures() -> Iterator[None]:
    """Errors of the library, without its texts: they have keys, and may have credentials."""
    try:
        yield
    except FileNotFoundError:
        raise ObjectMissing from None
    except BaseError as error:
        name = type(error).__name__.removesuffix("Error")
        raise ObjectStoreError(f"the S3 store: {name}") from None
