"""Whether each part of a running suite serves."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from cli.catalog_versions import catalog_version
from libs.rpc.health_probe import is_serving
from suite.home import Addresses
from suite.table import health_name

_SECONDS = 2


@dataclass(frozen=True)
class Part:
    """A service, or a store, of which no address is shown: it would hold a password."""

    name: str
    address: str
    serving: bool
    # Of the catalogs in use; empty for a store, and if the service does not say so.
    catalogs: str = ""


def parts_of(addresses: Addresses) -> list[Part]:
    """Asks every service whether it and its stores serve, and both stores for any answer; a part that
    does not answer within two seconds does not serve."""
    stores = (
        partial(_postgres_answers, addresses.database_url),
        partial(_redis_answers, addresses.redis_url),
    )
    asked: list[tuple[str, str, Callable[[], bool]]] = [
        *(
            (name, at, partial(is_serving, at, health_name(name)))
            for name, at in addresses.services.items()
        ),
        *((name, "", ask) for name, ask in zip(("postgres", "redis"), stores, strict=True)),
    ]
    with ThreadPoolExecutor(len(asked) + len(addresses.metrics)) as pool:
        answers = [pool.submit(ask) for _, _, ask in asked]
        versions = {
            name: pool.submit(catalog_version, url) for name, url in addresses.metrics.items()
        }
    return [
        Part(
            name,
            address,
            answer.result(),
            versions[name].result() if name in versions else "",
        )
        for (name, address, _), answer in zip(asked, answers, strict=True)
    ]


def _postgres_answers(url: str) -> bool:
    # Imported here, as below: without a running suite there is no store to ask.
    import psycopg

    try:
        with psycopg.connect(url, connect_timeout=_SECONDS) as connection:
            connection.execute("SELECT 1")
    except psycopg.Error:
        return False
    return True


def _redis_answers(url: str) -> bool:
    from redis import Redis
    from redis.exceptions import RedisError

    limits = {"socket_timeout": _SECONDS, "socket_connect_timeout": _SECONDS}
    try:
        with Redis.from_url(url, **limits) as client:
            return bool(client.ping())
    except (RedisError, OSError, ValueError):
        return False
