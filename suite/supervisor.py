"""The suite: all services and their stores on one machine."""

import os
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from libs.common.pseudonym import check_secret
from libs.rpc.health_probe import is_serving
from libs.runtime.resources import CATALOGS
from libs.sealing.keyring import new_wrapping_key_line
from suite.embedded import PostgresServer, RedisServer, StartError
from suite.embedded.server import ChildServer
from suite.embedded.service import ServiceProcess
from suite.home import Addresses, Home
from suite.migrate import upgrade
from suite.table import READER_ROLE, SERVICES, Service

_POLL_SECONDS = 0.2
_FIRST_DELAY_SECONDS = 0.5
_LONGEST_DELAY_SECONDS = 30.0
# A service that ran this long was not in a crash loop.
_STABLE_SECONDS = 60.0
# Enough for privacy to mirror the consent of several million people.
_SERVING_SECONDS = 120.0
_SERVING_POLL_SECONDS = 0.05
# Files in the home.
_PSEUDONYM_KEY = "pseudonym.key"
_AUDIT_KEY = "audit.key"
_SEALING_KEYS = "sealing.keys"
POSTGRES_PORT = 55432
REDIS_PORT = 56379


@dataclass
class _Restart:
    """When a part that died is started again, and how long it waits if it dies once more."""

    delay_seconds: float = _FIRST_DELAY_SECONDS
    due: float = 0.0
    started: float = 0.0


class Suite:
    """Postgres, Redis and the four services as child processes of this one.

    A context manager: starts on entering, stops on leaving. Use it from one thread that lives as
    long as the suite, best the main thread (see `start_child`).

    `environment` is what the user set. WEIR_DATABASE_URL and WEIR_REDIS_URL replace the embedded
    servers, WEIR_CATALOGS, WEIR_AUTH_TOKEN, WEIR_PSEUDONYM_KEY, WEIR_PRIVACY_AUDIT_KEY,
    WEIR_PRIVACY_SEALING_KEYS (or _FILE) and WEIR_PRIVACY_EXPORTS_URL replace our own, and everything else
    (OTEL_*, other settings) is handed on to the services.

    A part is named `ingest`, `enrich`, `aggregate`, `privacy`, `postgres` or `redis`.
    """

    def __init__(
        self,
        home: Home,
        environment: Mapping[str, str] | None = None,
        *,
        services: tuple[Service, ...] = SERVICES,
        report: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.home = home
        self._environment = dict(os.environ if environment is None else environment)
        self._table = services
        self._report = report
        self._held = ExitStack()
        self._owns_home = False
        # In the order of starting: stores first.
        self._parts: dict[str, ChildServer] = {}
        self._services: dict[str, ServiceProcess] = {}
        self._urls: dict[str, str] = {}
        self._read_url = ""
        self._settings: dict[str, str] = {}
        self._addresses: Addresses | None = None

    @property
    def addresses(self) -> Addresses:
        """Where everything listens. Raises StartError before `start` and after `stop`."""
        if self._addresses is None:
            raise StartError("the suite is not running")
        return self._addresses

    def start(self) -> Addresses:
        """Starts everything and returns when all services are SERVING.

        Raises HomeError if a suite runs in this home already or the home cannot be written,
        ConfigurationError if a setting will not do, StartError if a part does not start; then nothing
        is left running.
        """
        self._held.enter_context(self.home.lock())
        self._owns_home = True
        try:
            self._settings = self._own_settings()
            self.home.make_logs()
            stores = self._start_stores()
            self._migrate(stores["WEIR_DATABASE_URL"])
            role_urls = self._let_roles_in()
            # Of tools that read stored events. WEIR_READ_DATABASE_URL is aggregate's, with another role.
            self._urls = stores
            self._read_url = role_urls.get(READER_ROLE, stores["WEIR_DATABASE_URL"])
            self._start_services({**self._environment, **stores, **self._settings}, role_urls)
            self._wait_until_serving()
            return self._publish()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Drains the services in the order of the data, then stops Redis and Postgres.

        Does nothing if the suite was not started, or is stopped already.
        """
        if not self._owns_home:
            return
        self.home.remove_addresses()
        self._addresses = None
        order = [*self._services, *(name for name in ("redis", "postgres") if name in self._parts)]
        try:
            for name in order:
                self._report(f"stopping {name}")
                self._parts[name].stop()
        finally:
            self._parts, self._services = {}, {}
            self._owns_home = False
            self._held.close()

    def __enter__(self) -> "Suite":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def part(self, name: str) -> ChildServer:
        """A store or service by name. Raises KeyError, also for a store that is not embedded."""
        return self._parts[name]

    def pid(self, name: str) -> int:
        """The process id of a part. Raises StartError if it is not running."""
        return self._parts[name].pid

    def kill(self, name: str) -> None:
        """SIGKILL to a part; only `restart`, or supervision, brings it back."""
        self._parts[name].kill()

    def restart(self, name: str) -> None:
        """Stops a part in good order if it runs, and starts it on the same port and data.

        Returns when it serves. Raises StartError.
        """
        self._parts[name].restart()

    def supervise(
        self, *, until: Callable[[], bool], look: Callable[[], None] = lambda: None
    ) -> None:
        """Starts again what dies, after a growing delay, until `until()` holds; calls `look` a few times a
        second. Blocks.

        Fault tests do without it: they kill and restart by hand.
        """
        restarts = {name: _Restart() for name in self._parts}
        while not until():
            time.sleep(_POLL_SECONDS)
            look()
            for name, part in self._parts.items():
                if not part.running:
                    self._revive(name, part, restarts[name])

    def _revive(self, name: str, part: ChildServer, restart: _Restart) -> None:
        now = time.monotonic()
        if not restart.due:
            if restart.started and now - restart.started > _STABLE_SECONDS:
                restart.delay_seconds = _FIRST_DELAY_SECONDS
            restart.due = now + restart.delay_seconds
            self._report(f"{_exit_report(name, part)}; starting it in {restart.delay_seconds:g} s")
            restart.delay_seconds = min(restart.delay_seconds * 2, _LONGEST_DELAY_SECONDS)
        elif now >= restart.due:
            restart.due = 0.0
            try:
                part.start()
            except StartError as error:
                self._report(str(error))
            else:
                self._report(f"{name} is back")
                # On another port, if another process has taken its own.
                self._publish()
            restart.started = time.monotonic()

    def _start_stores(self) -> dict[str, str]:
        """Returns the stores' URLs under the names of their settings."""
        stores: tuple[tuple[str, str, ChildServer], ...] = (
            (
                "WEIR_DATABASE_URL",
                "postgres",
                PostgresServer(self._data("postgres"), POSTGRES_PORT),
            ),
            ("WEIR_REDIS_URL", "redis", RedisServer(self._data("redis"), REDIS_PORT)),
        )
        urls = {}
        for setting, name, server in stores:
            if given := self._environment.get(setting):
                urls[setting] = given
                continue
            self._report(f"starting {name}")
            self._parts[name] = server
            urls[setting] = server.start()
        return urls

    def _migrate(self, database_url: str) -> None:
        self._report("migrating the database")
        upgrade(database_url)

    def _let_roles_in(self) -> dict[str, str]:
        """The database's URL for each role of the suite, if Postgres is embedded: who brings a database has
        the logins for it as well."""
        postgres = self._parts.get("postgres")
        if not isinstance(postgres, PostgresServer):
            return {}
        roles = [READER_ROLE, *(service.database_role for service in self._table)]
        return {role: postgres.let_in(role) for role in roles}

    def _start_services(
        self, environment: Mapping[str, str], database_urls: Mapping[str, str]
    ) -> None:
        for service in self._table:
            own_url = database_urls.get(service.database_role, environment["WEIR_DATABASE_URL"])
            process = ServiceProcess(
                service.module,
                port=service.port,
                metrics_port=service.metrics_port,
                log=self.home.logs / f"{service.name}.log",
                environment={**environment, "WEIR_DATABASE_URL": own_url},
                peers=self._peers,
            )
            self._parts[service.name] = self._services[service.name] = process
        try:
            # All before the first is started: each one gets the addresses of the others.
            for process in self._services.values():
                process.reserve()
        except OSError as error:
            raise StartError(str(error)) from error
        for name, process in self._services.items():
            self._report(f"starting {name}")
            process.begin()
        for process in self._services.values():
            process.wait_until_ready()

    def _peers(self) -> dict[str, str]:
        """Where the services are, under the names of their settings."""
        return {
            f"WEIR_{name.upper()}_ADDRESS": process.url for name, process in self._services.items()
        }

    def _wait_until_serving(self) -> None:
        """A process answers before it can do its work: privacy first fills the mirror of consent, and until
        then ingest takes no events about people."""
        self._report("waiting until every service can work")
        deadline = time.monotonic() + _SERVING_SECONDS
        for service in self._table:
            url = self._services[service.name].url
            while not is_serving(url, service.health_name):
                if time.monotonic() > deadline:
                    raise StartError(
                        f"{service.name} answers, and is not SERVING after {_SERVING_SECONDS:g} s"
                    )
                time.sleep(_SERVING_POLL_SECONDS)

    def _own_settings(self) -> dict[str, str]:
        given = self._environment
        catalogs = Path(given.get("WEIR_CATALOGS") or CATALOGS)
        return {
            "WEIR_ENRICH_ARCHIVE_URL": given.get("WEIR_ENRICH_ARCHIVE_URL")
            or self.home.archive_url,
            "WEIR_ENVIRONMENT": "development",
            "WEIR_CATALOGS": str(catalogs.absolute()),
            "WEIR_AUTH_TOKEN": given.get("WEIR_AUTH_TOKEN") or self.home.secret("token"),
            "WEIR_PSEUDONYM_KEY": self._key("WEIR_PSEUDONYM_KEY", _PSEUDONYM_KEY),
            "WEIR_PRIVACY_AUDIT_KEY": self._key("WEIR_PRIVACY_AUDIT_KEY", _AUDIT_KEY),
            **self._sealing_keys(),
            "WEIR_PRIVACY_EXPORTS_URL": given.get("WEIR_PRIVACY_EXPORTS_URL")
            or self._data("exports").absolute().as_uri(),
        }

    def _key(self, source: str, file: str) -> str:
        """The key that the variable `source` gives, else the one in a file of the home."""
        key = self._environment.get(source)
        if not key:
            key, source = self.home.secret(file), str(self.home.path / file)
        check_secret(key, source)
        return key

    def _sealing_keys(self) -> dict[str, str]:
        """The file of wrapping keys in the home, unless the environment has some: privacy reads it again when
        it is changed."""
        if self._environment.get("WEIR_PRIVACY_SEALING_KEYS"):
            return {}
        file = self._environment.get("WEIR_PRIVACY_SEALING_KEYS_FILE")
        if not file:
            file = str(self.home.secret_file(_SEALING_KEYS, new_wrapping_key_line))
        return {"WEIR_PRIVACY_SEALING_KEYS_FILE": str(Path(file).absolute())}

    def _publish(self) -> Addresses:
        self._addresses = Addresses(
            services={name: process.url for name, process in self._services.items()},
            metrics={name: process.metrics_url for name, process in self._services.items()},
            database_url=self._urls["WEIR_DATABASE_URL"],
            redis_url=self._urls["WEIR_REDIS_URL"],
            read_database_url=self._read_url,
            token=self._settings["WEIR_AUTH_TOKEN"],
            pid=os.getpid(),
            catalogs=self._settings["WEIR_CATALOGS"],
        )
        self.home.write_addresses(self._addresses)
        return self._addresses

    def _data(self, name: str) -> Path:
        return self.home.path / name


def _exit_report(name: str, part: ChildServer) -> str:
    words = part.log_tail()
    return f"{name} died ({part.exit_description()})" + (f", saying:\n{words}\n" if words else "")
