"""The stores, the aggregate service that questions are put to, and privacy, which says whose answers it may
show, as the suite starts them."""

from pathlib import Path

import psutil
from weir.aggregate.v1.aggregate_service_pb2_grpc import AggregateServiceStub

from libs.rpc.channels import Calls, open_channel
from suite.embedded.postgres import PostgresServer
from suite.embedded.redis import RedisServer
from suite.embedded.service import ServiceProcess
from suite.migrate import upgrade
from suite.table import SERVICES
from tests.bench.processes import tree_cpu_seconds
from tests.bench.queries.people import PSEUDONYM_KEY
from tests.support.environment import without_settings
from tests.support.wrapping_keys import WRAPPING_KEYS

# So that a leaf that is made and filled in one transaction is not written to the log as well, and that
# nothing is vacuumed while questions are timed.
_SETTINGS = {"wal_level": "minimal", "max_wal_senders": "0", "autovacuum": "off"}
_POSTGRES_PORT, _REDIS_PORT = 25_999, 26_999
# By the service: of its calls and of its metrics.
_PORTS = {"aggregate": (27_999, 28_999), "privacy": (27_899, 28_899)}
_TOKEN = "token-of-the-query-bench"
_AUDIT_KEY = "audit-key-of-the-query-bench-0123456789"
# Of a call; an export of millions of events takes minutes.
_SECONDS = 600


class Stores:
    """Postgres, migrated, and Redis, under `home`; `start` first, `stop` in any case."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self.postgres = PostgresServer(home / "postgres", _POSTGRES_PORT, settings=_SETTINGS)
        self._redis = RedisServer(home / "redis", _REDIS_PORT)

    def start(self) -> str:
        """Returns Postgres' URL."""
        self.postgres.start()
        upgrade(self.postgres.url)
        self._redis.start()
        return self.postgres.url

    def stop(self) -> None:
        """Stops what was started."""
        self._redis.stop()
        self.postgres.stop()

    def service(self, catalogs: Path) -> "Service":
        """A running aggregate service, beside privacy. The caller stops it."""
        privacy = self._start("privacy", catalogs)
        try:
            aggregate = self._start("aggregate", catalogs, WEIR_PRIVACY_ADDRESS=privacy.url)
        except BaseException:
            privacy.stop()
            raise
        return Service(aggregate, privacy, self.postgres)

    def _start(self, name: str, catalogs: Path, **settings: str) -> ServiceProcess:
        service = next(service for service in SERVICES if service.name == name)
        port, metrics_port = _PORTS[name]
        environment = {
            **without_settings(),
            "WEIR_ENVIRONMENT": "development",
            "WEIR_DATABASE_URL": self.postgres.let_in(service.database_role),
            "WEIR_REDIS_URL": self._redis.url,
            "WEIR_CATALOGS": str(catalogs.absolute()),
            "WEIR_AUTH_TOKEN": _TOKEN,
            "WEIR_PSEUDONYM_KEY": PSEUDONYM_KEY,
            "WEIR_PRIVACY_AUDIT_KEY": _AUDIT_KEY,
            "WEIR_PRIVACY_SEALING_KEYS": WRAPPING_KEYS,
            "WEIR_PRIVACY_EXPORTS_URL": (self._home / "exports").absolute().as_uri(),
            **settings,
        }
        process = ServiceProcess(
            service.module,
            port=port,
            metrics_port=metrics_port,
            log=self._home / f"{name}.log",
            environment=environment,
        )
        process.start()
        return process


class Service:
    """The aggregate service: its `calls`, and what they cost."""

    def __init__(
        self, process: ServiceProcess, privacy: ServiceProcess, postgres: PostgresServer
    ) -> None:
        self._processes = process, privacy
        self._parts = [psutil.Process(process.pid), psutil.Process(postgres.pid)]
        self._channel = open_channel(process.url)
        self.calls = Calls(AggregateServiceStub(self._channel), _TOKEN, seconds=_SECONDS)

    def cpu_seconds(self) -> float:
        """What the service and Postgres have used since they were started."""
        return sum(map(tree_cpu_seconds, self._parts))

    def resident_mb(self) -> float:
        """What the service holds now."""
        return self._parts[0].memory_info().rss / 1e6

    def stop(self) -> None:
        """Closes the channel and ends both services."""
        self._channel.close()
        for process in self._processes:
            process.stop()
