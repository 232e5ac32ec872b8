"""Settings that every service has, read from the environment under one prefix."""

import re
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from libs.common.errors import ConfigurationError
from libs.common.pseudonym import REMEMBERED, Pseudonymizer, check_secret
from libs.runtime.resources import CATALOGS

# What a header can carry as one word.
_BEARER_TOKEN = re.compile("[!-~]+").fullmatch


class CommonSettings(BaseSettings):
    """What each service needs to know; `WEIR_DATABASE_URL` sets `database_url`, and so on.

    A subclass has an `env_prefix` of its own for what it adds: `WEIR_INGEST_STREAM_CREDITS` sets
    `stream_credits` of ingest. A variable with that prefix also replaces the common one for its service.
    """

    model_config = SettingsConfigDict(env_prefix="WEIR_", frozen=True, extra="ignore")

    environment: Literal["production", "development"] = "production"
    host: str = "127.0.0.1"
    port: int = 0
    metrics_port: int = 0
    database_url: SecretStr = SecretStr("")
    redis_url: SecretStr = SecretStr("")
    auth_token: SecretStr = SecretStr("")
    # Permits to read numbers, for dashboards; of these apps only if there are any, separated by commas.
    read_token: SecretStr = SecretStr("")
    read_apps: str | None = None
    catalogs: Path = CATALOGS
    # How often the folder of catalogs is looked at for changes; 0: only when SIGHUP asks for it.
    catalog_poll_seconds: float = Field(2.0, ge=0)
    shards: int = Field(1, ge=1)
    drain_seconds: float = Field(15.0, ge=0)
    # How often each store is asked whether it answers, and how long it has for it; health follows.
    store_check_seconds: float = Field(2.0, gt=0)
    # A unary call that takes longer is ended, whatever deadline its caller has set.
    max_call_seconds: float = Field(30.0, gt=0)
    # How long a caller may take to send the first message of a call.
    first_message_seconds: float = Field(10.0, gt=0)
    max_streams_per_connection: int = Field(100, ge=1)
    max_streams_per_credential: int = Field(1_000, ge=1)
    # Of callers without a token, so that one of them does not use up the limit of all.
    max_anonymous_calls_per_address: int = Field(20, ge=1)
    # Calls and streams under way on one connection; clients keep more to themselves until one ends.
    max_calls_per_connection: int = Field(1_000, ge=1)
    # A connection without calls is closed after the first, and one with streams takes no new ones after
    # the second, so that clients look up the addresses again. Clients reconnect by themselves.
    max_connection_idle_seconds: float = Field(600.0, gt=0)
    max_connection_age_seconds: float = Field(3_600.0, gt=0)
    # How often the other end is asked whether it is there, and how often it may ask.
    keepalive_seconds: float = Field(60.0, gt=0)
    min_ping_interval_seconds: float = Field(10.0, gt=0)
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = "INFO"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment, once for each class with its own prefix; the most specific one wins."""
        groups = [group for group in settings_cls.__mro__ if issubclass(group, CommonSettings)]
        return init_settings, *(EnvSettingsSource(group) for group in groups)

    @classmethod
    def variable(cls, name: str) -> str:
        """The environment variable that sets a field: with the prefix of the class that declares it."""
        declares = next(
            group
            for group in reversed(cls.__mro__)
            if issubclass(group, CommonSettings) and name in group.model_fields
        )
        return f"{declares.model_config['env_prefix']}{name}".upper()

    def apps_to_read(self) -> frozenset[str] | None:
        """The apps that the read token may see; None for all."""
        apps = frozenset(filter(None, map(str.strip, (self.read_apps or "").split(","))))
        return apps or None

    def require(self, *names: str) -> None:
        """Raises ConfigurationError naming the environment variable of each setting that is empty."""
        missing = [
            self.variable(name)
            for name in names
            if not (
                value.get_secret_value()
                if isinstance(value := getattr(self, name), SecretStr)
                else value
            )
        ]
        if missing:
            raise ConfigurationError(f"missing settings: {', '.join(missing)}")

    def check_authentication(self) -> None:
        """Raises ConfigurationError when callers would not have to authenticate outside development, for a
        token that no caller could send (blanks, or characters that do not go into a header), and for a read
        token that would not limit its callers."""
        token = self.auth_token.get_secret_value()
        read_token = self.read_token.get_secret_value()
        for name, value in (("auth_token", token), ("read_token", read_token)):
            if value and not _BEARER_TOKEN(value):
                raise ConfigurationError(
                    f"{self.variable(name)} must be visible ASCII characters without blanks; a line break "
                    "at the end of a secret's file counts as one"
                )
        if read_token and not token:
            raise ConfigurationError(
                "WEIR_READ_TOKEN permits nothing that callers without a token may not do: set "
                "WEIR_AUTH_TOKEN as well"
            )
        if read_token and read_token == token:
            raise ConfigurationError("WEIR_READ_TOKEN must differ from WEIR_AUTH_TOKEN")
        if self.read_apps and not (read_token and self.apps_to_read()):
            raise ConfigurationError(
                "WEIR_READ_APPS must name apps, separated by commas, and takes a WEIR_READ_TOKEN"
            )
        if self.environment != "development" and not token:
            raise ConfigurationError(
                "WEIR_AUTH_TOKEN is not set: outside development mode (WEIR_ENVIRONMENT=development) "
                "a service does not start without authentication"
            )


class PseudonymSettings(CommonSettings):
    """The secret that pseudonyms are made with; every service that makes them must have the same."""

    # Required: with it one can tell which pseudonym stands for whom.
    pseudonym_key: SecretStr = SecretStr("")
    pseudonym_epoch: int = Field(1, ge=1, le=100)

    def pseudonymizer(self, *, remembered: int = REMEMBERED) -> Pseudonymizer:
        """What makes the pseudonyms, and remembers so many. Raises ConfigurationError without a key, and for
        a short one."""
        self.require("pseudonym_key")
        source = self.variable("pseudonym_key")
        secret = check_secret(self.pseudonym_key.get_secret_value(), source)
        return Pseudonymizer(secret, self.pseudonym_epoch, remembered=remembered)


class ReadDatabaseSettings(CommonSettings):
    """Where to read what may be some seconds old; `WEIR_READ_DATABASE_URL` can lead to a replica."""

    # Empty: the same as `database_url`.
    read_database_url: SecretStr = SecretStr("")

    @property
    def read_url(self) -> str:
        """The URL to read from."""
        return (self.read_database_url or self.database_url).get_secret_value()


class PeerSettings(CommonSettings):
    """Where the other services are, as gRPC targets: `host:port`, or `dns:///name:port`. Calls carry
    `auth_token`."""

    ingest_address: str = "127.0.0.1:50051"
    enrich_address: str = "127.0.0.1:50052"
    aggregate_address: str = "127.0.0.1:50053"
    privacy_address: str = "127.0.0.1:50054"
