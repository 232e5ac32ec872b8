"""Looks for bytes in everything that a suite leaves behind: files, what Redis holds, metrics, spans."""

import os
import signal
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from itertools import starmap
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import zstandard
from psycopg import sql
from psycopg.conninfo import make_conninfo
from redis import Redis

from suite.supervisor import Suite
from tests.support.packed_files import contents
from tests.support.span_receiver import SpanReceiver
from tests.support.waiting import eventually

_ZSTANDARD = b"\x28\xb5\x2f\xfd"
_TABLES = """
SELECT nspname, relname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE relkind = 'r' AND nspname NOT IN ('pg_catalog', 'information_schema') AND relpersistence <> 't'
"""
# Of tables that are not Postgres' own: those have types without a binary form.
_STATISTICS = """
SELECT pg_statistic.* FROM pg_statistic JOIN pg_class ON pg_class.oid = starelid
WHERE relnamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
"""
_LARGEST_BATCH = 64 * 1024 * 1024


class ByteSearch:
    """A search through one suite. Its Postgres has to belong to the test: tables are rewritten."""

    def __init__(self, suite: Suite, spans: SpanReceiver) -> None:
        self._suite, self._spans = suite, spans
        [cluster] = (path.parent for path in (suite.home.path / "postgres").rglob("pg_hba.conf"))
        rules = cluster / "pg_hba.conf"
        rules.write_text(
            f"local all postgres trust\nhost all postgres 127.0.0.1/32 trust\n{rules.read_text()}"
        )
        with (cluster / "postgresql.auto.conf").open("a") as settings:
            # Old segments of the log are deleted, and not kept with what is in them to be written over.
            settings.write("wal_recycle = off\nmin_wal_size = '32MB'\n")
        os.kill(suite.pid("postgres"), signal.SIGHUP)
        self._superuser = make_conninfo(suite.addresses.database_url, user="postgres")

    def places(self, texts: Mapping[str, str]) -> dict[str, set[str]]:
        """Where each of the named texts is found, as it is or percent-encoded: in `postgres`, `redis`,
        `archive`, `exports`, `logs`, `files`, `metrics` or `spans`; without those that are found nowhere.
        What is compressed is decompressed. Everything that the suite has stored is on disk then, and nothing
        that was deleted."""
        self._rewrite_tables()
        self._rewrite_redis()
        forms = {
            name: (text.encode(), quote(text, safe="").encode()) for name, text in texts.items()
        }
        found: dict[str, set[str]] = {}
        for place, content in self._contents():
            for name, needles in forms.items():
                if place not in found.get(name, ()) and any(
                    needle in content for needle in needles
                ):
                    found.setdefault(name, set()).add(place)
        return found

    def analyze(self) -> None:
        """Has Postgres' statistics be made from all rows that there are, as autovacuum does at some time."""
        with psycopg.connect(self._superuser, autocommit=True) as connection:
            connection.execute("ANALYZE")

    def _contents(self) -> Iterator[tuple[str, bytes]]:
        home = self._suite.home.path
        for path in sorted(home.rglob("*")):
            if path.is_file() and not path.is_socket():
                for content in contents(path):
                    yield _place(path.relative_to(home)), content
        for content in self._tables():
            yield "postgres", content
        with Redis.from_url(self._suite.addresses.redis_url) as redis:
            for text in redis_texts(redis):
                yield "redis", text
        for url in self._suite.addresses.metrics.values():
            with urllib.request.urlopen(url, timeout=20) as answer:
                yield "metrics", answer.read()
        for request in list(self._spans.requests):
            yield "spans", request.SerializeToString()

    def _tables(self) -> Iterator[bytes]:
        """All rows as they are: in the files, long values are compressed."""
        with psycopg.connect(self._superuser) as connection:
            names = starmap(sql.Identifier, connection.execute(_TABLES).fetchall())
            for source in (*names, sql.SQL(f"({_STATISTICS})")):
                statement = sql.SQL("COPY {} TO STDOUT (FORMAT binary)").format(source)
                with connection.cursor().copy(statement) as copy:
                    yield b"".join(copy)

    def _rewrite_tables(self) -> None:
        # Statistics hold values too, so all tables are rewritten, and not those of the services alone.
        with psycopg.connect(self._superuser, autocommit=True) as connection:
            connection.execute("VACUUM FULL")
            for _ in range(2):
                connection.execute("SELECT pg_switch_wal()")
                connection.execute("CHECKPOINT")

    def _rewrite_redis(self) -> None:
        with Redis.from_url(self._suite.addresses.redis_url) as redis:
            # Short texts would be compressed, and not found.
            redis.config_set("rdbcompression", "no")
            redis.bgrewriteaof()

            def is_rewritten() -> bool:
                state: dict[str, Any] = redis.info("persistence")
                return not (state["aof_rewrite_in_progress"] or state["aof_rewrite_scheduled"])

            eventually(is_rewritten)


def _place(path: Path) -> str:
    top = path.parts[0]
    return top if top in ("postgres", "redis", "logs", "archive", "exports") else "files"


def redis_texts(redis: Any) -> Iterator[bytes]:
    """Every name and value that Redis holds, decompressed."""
    return map(_plain, _values(redis))


def _values(redis: Any) -> Iterator[bytes]:
    for key in redis.scan_iter(count=1000):
        yield key
        match redis.type(key):
            case b"string":
                yield redis.get(key) or b""
            case b"hash":
                yield from _flat(redis.hgetall(key).items())
            case b"list":
                yield from redis.lrange(key, 0, -1)
            case b"set":
                yield from redis.smembers(key)
            case b"zset":
                yield from redis.zrange(key, 0, -1)
            case b"stream":
                for _, fields in redis.xrange(key):
                    yield from _flat(fields.items())


def _flat(pairs: Iterable[tuple[bytes, bytes]]) -> Iterator[bytes]:
    for name, value in pairs:
        yield name
        yield value


def _plain(value: bytes) -> bytes:
    if not value.startswith(_ZSTANDARD):
        return value
    return zstandard.ZstdDecompressor().decompress(value, max_output_size=_LARGEST_BATCH)
