"""Who may call what with which token."""

import pytest

from libs.common.errors import ConfigurationError, Unauthenticated
from libs.rpc.auth import ANONYMOUS, SUITE_TOKEN, BearerToken
from libs.runtime.settings import CommonSettings

TRACK = "/weir.ingest.v1.IngestService/TrackEvent"
HEALTH = "/grpc.health.v1.Health/Check"
REFLECTION = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
CHANNELZ = "/grpc.channelz.v1.Channelz/GetServers"


# RFC 9110, 11.1 and 11.4: the scheme is case-insensitive, and followed by one or more spaces.
@pytest.mark.parametrize(
    "value",
    ["Bearer secret", b"Bearer secret", "bearer secret", "BEARER secret", "Bearer   secret"],
)
def test_the_right_token_lets_in(value: str | bytes) -> None:
    credential = BearerToken("secret").check(TRACK, [("x", "y"), ("authorization", value)])
    assert credential == SUITE_TOKEN


@pytest.mark.parametrize(
    "value",
    [
        "Bearer other",
        "Bearer Secret",
        "secret",
        "Basic secret",
        "Bearer secret ",
        "Bearer ",
        "",
        b"\xff",
    ],
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
        assert token.check(HEALTH, []) == ANONYMOUS
    for method in (REFLECTION, CHANNELZ):
        assert development.check(method, []) == ANONYMOUS
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


@pytest.mark.parametrize("environment", ["production", "development"])
@pytest.mark.parametrize("token", [" ", "\t \n", "two words", "s3cr3t\n", "geheim-ä"])
def test_a_token_that_no_caller_can_send_does_not_start(token: str, environment: str) -> None:
    settings = CommonSettings.model_validate({"auth_token": token, "environment": environment})
    with pytest.raises(ConfigurationError, match="visible ASCII") as refusal:
        settings.check_authentication()
    assert token.strip() == "" or token.strip() not in str(refusal.value)
