"""Who may call what with which token."""

import pytest

from libs.common.auth import BearerToken
from libs.common.errors import ConfigurationError, Unauthenticated
from libs.common.settings import CommonSettings

TRACK = "/weir.ingest.v1.IngestService/TrackEvent"
HEALTH = "/grpc.health.v1.Health/Check"
REFLECTION = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
CHANNELZ = "/grpc.channelz.v1.Channelz/GetServers"


@pytest.mark.parametrize("value", ["Bearer secret", b"Bearer secret"])
def test_the_right_token_lets_in(value: str | bytes) -> None:
    BearerToken("secret").check(TRACK, [("x", "y"), ("authorization", value)])


@pytest.mark.parametrize(
    "value", ["Bearer other", "secret", "bearer secret", "Bearer secret ", "Bearer ", "", b"\xff"]
)
def test_any_other_token_does_not(value: str | bytes) -> None:
    with pytest.raises(Unauthenticated, match="not valid"):
        BearerToken("secret").check(TRACK, [("authorization", value)])


def test_no_token_does_not() -> None:
    with pytest.raises(Unauthenticated, match="no bearer token"):
        BearerToken("secret").check(TRACK, [])


def test_health_is_open_and_the_rest_only_in_development() -> None:
    production, development = BearerToken("secret"), BearerToken("secret", development=True)
    for token in (production, development):
        token.check(HEALTH, [])
    for method in (REFLECTION, CHANNELZ):
        development.check(method, [])
        with pytest.raises(Unauthenticated):
            production.check(method, [])


def test_a_name_that_only_begins_like_health_is_not_open() -> None:
    with pytest.raises(Unauthenticated):
        BearerToken("secret").check("/grpc.health.v1.HealthX/Check", [])


def test_a_service_without_a_token_starts_in_development_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("WEIR_AUTH_TOKEN", raising=False)
    monkeypatch.setenv("WEIR_ENVIRONMENT", "production")
    with pytest.raises(ConfigurationError, match="WEIR_AUTH_TOKEN"):
        CommonSettings().check_authentication()
    monkeypatch.setenv("WEIR_ENVIRONMENT", "development")
    CommonSettings().check_authentication()
