"""What `weir doctor` looks at. Nothing that it reports contains a password or a token.

Drivers of stores and the reader of catalogs are imported by the checks that need them.
"""

import os
import platform
import stat
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from cli.catalog_folders import default_catalogs
from cli.catalog_versions import version_finding
from cli.findings import Finding, State
from cli.token_check import token_findings
from libs.rpc.health_probe import is_serving
from suite.embedded.binaries import postgres_binaries, redis_binary
from suite.embedded.process import StartError
from suite.home import Addresses, Home, HomeError
from suite.table import health_name

_OLDEST_PYTHON = (3, 11)
_CONNECT_SECONDS = 5


def examine(
    home: Home, environment: Mapping[str, str], catalogs: Path | None, *, must_run: bool = False
) -> list[Finding]:
    """Looks at this machine, the suite in `home`, the stores that it or `environment` names, and the
    catalogs in the given folder, else the suite's. With `must_run` a home without a running suite is
    broken."""
    addresses, why_not = None, ""
    try:
        addresses = home.read_addresses()
    except HomeError as error:
        why_not = str(error)
    database_url = addresses.database_url if addresses else environment.get("WEIR_DATABASE_URL")
    redis_url = addresses.redis_url if addresses else environment.get("WEIR_REDIS_URL")
    findings = [_python(), *_wheels(needed=not (database_url and redis_url)), _home(home)]
    if addresses:
        findings.append(Finding("suite", State.OK, f"running, pid {addresses.pid}"))
    else:
        findings.append(Finding("suite", State.BROKEN if must_run else State.NOTE, why_not))
    findings.append(_database(database_url) if database_url else _no_store("database"))
    findings.append(_redis(redis_url) if redis_url else _no_store("redis"))
    if addresses:
        findings.extend(_services(addresses, home))
        findings.extend(token_findings(addresses, environment, home))
    running = Path(addresses.catalogs) if addresses and addresses.catalogs else None
    folder = (catalogs or running or default_catalogs()).absolute()
    finding, version = _catalogs(folder)
    findings.append(finding)
    if addresses and running:
        in_suite = version if running == folder else _catalogs(running)[1]
        findings.append(version_finding(addresses, in_suite))
    if country_database := environment.get("WEIR_ENRICH_GEOIP_MMDB_PATH"):
        findings.append(_country_database(Path(country_database)))
    return findings


def _python() -> Finding:
    state = State.OK if sys.version_info >= _OLDEST_PYTHON else State.BROKEN
    return Finding("python", state, f"{platform.python_version()} at {sys.executable}")


def _wheels(*, needed: bool) -> Iterator[Finding]:
    find: tuple[tuple[str, Callable[[], Path]], ...] = (
        ("embedded postgres", postgres_binaries),
        ("embedded redis", redis_binary),
    )
    for name, binary in find:
        try:
            binary()
        except StartError as error:
            yield Finding(name, State.BROKEN if needed else State.NOTE, str(error))
        else:
            yield Finding(name, State.OK, "installed")


def _home(home: Home) -> Finding:
    try:
        mode = home.path.stat().st_mode
    except FileNotFoundError:
        return Finding("home", State.NOTE, f"{home.path} is made by `weir up`")
    except OSError as error:
        detail = f"{home.path}: {error.strerror}; set WEIR_HOME to another folder"
        return Finding("home", State.BROKEN, detail)
    if not stat.S_ISDIR(mode):
        detail = f"{home.path} is not a folder: set WEIR_HOME to one"
        return Finding("home", State.BROKEN, detail)
    if stat.S_IMODE(mode) & 0o077:
        detail = f"others can look into {home.path}, which holds secrets: chmod 700 it"
        return Finding("home", State.BROKEN, detail)
    if not os.access(home.path, os.W_OK):
        detail = f"{home.path} cannot be written: set WEIR_HOME to another folder"
        return Finding("home", State.BROKEN, detail)
    return Finding("home", State.OK, str(home.path))


def _no_store(name: str) -> Finding:
    setting = f"WEIR_{name.upper()}_URL"
    return Finding(name, State.NOTE, f"not looked at: no suite is running, {setting} is not set")


def _database(url: str) -> Finding:
    from suite.migrate import (
        DatabaseError,
        current_revision,
        newest_revision,
        server_version,
    )
    from suite.store_urls import redacted

    try:
        version, current = server_version(url), current_revision(url)
    except DatabaseError as error:
        return Finding("database", State.BROKEN, str(error))
    newest = newest_revision()
    where = f"PostgreSQL {version} at {redacted(url)}"
    if current != newest:
        detail = f"{where} is at revision {current}, this Weir needs {newest}: run `weir migrate`"
        return Finding("database", State.BROKEN, detail)
    return Finding("database", State.OK, f"{where}, revision {current}")


def _redis(url: str) -> Finding:
    from redis import Redis
    from redis.exceptions import RedisError, ResponseError

    from suite.store_urls import redacted, without_secrets

    try:
        with Redis.from_url(
            url, socket_connect_timeout=_CONNECT_SECONDS, socket_timeout=_CONNECT_SECONDS
        ) as client:
            version = client.info("server")["redis_version"]
            where = f"Redis {version} at {redacted(url)}"
            try:
                settings = client.config_get("append*")
            except ResponseError:
                detail = f"{where} does not show its settings; see that acks mean durable there"
                return Finding("redis", State.NOTE, detail)
    except (RedisError, OSError, ValueError) as error:
        return Finding("redis", State.BROKEN, without_secrets(url, error))
    appendonly, appendfsync = settings.get("appendonly"), settings.get("appendfsync")
    shown = f"appendonly {appendonly}, appendfsync {appendfsync}"
    if appendonly != "yes":
        detail = f"{where}: {shown}: a restart loses acknowledged events"
        return Finding("redis", State.BROKEN, detail)
    if appendfsync != "always":
        detail = f"{where}: {shown}: a power cut loses the last acknowledged events"
        return Finding("redis", State.NOTE, detail)
    return Finding("redis", State.OK, f"{where}: {shown}")


def _services(addresses: Addresses, home: Home) -> Iterator[Finding]:
    for name, address in addresses.services.items():
        if is_serving(address, health_name(name)):
            yield Finding(name, State.OK, f"serving at {address}")
        else:
            detail = f"does not serve at {address}: see {home.logs / f'{name}.log'}, and the stores above"
            yield Finding(name, State.BROKEN, detail)


def _catalogs(folder: Path) -> tuple[Finding, str]:
    """What is to be said of the folder's catalogs, and their version; empty if they cannot be used."""
    from libs.catalog import CatalogError, load_snapshot

    try:
        found = load_snapshot(folder)
    except CatalogError as error:
        return Finding("catalogs", State.BROKEN, str(error)), ""
    detail = (
        f"{len(found.catalogs)} in {folder}, version {found.version}: {', '.join(found.catalogs)}"
    )
    return Finding("catalogs", State.OK, detail), found.version


def _country_database(path: Path) -> Finding:
    from libs.common.errors import ConfigurationError
    from services.enrich.steps.country import country_lookup, unknown_kinds

    name = "country database"
    try:
        unknown = unknown_kinds(country_lookup(path))
    except ConfigurationError as error:
        return Finding(name, State.BROKEN, str(error).removeprefix(f"{name} "))
    if unknown:
        detail = f"{path} knows no well-known {' and no '.join(unknown)} address"
        return Finding(name, State.BROKEN if len(unknown) > 1 else State.NOTE, detail)
    return Finding(name, State.OK, str(path))
