"""Who may call what with which token."""

import pytest

from libs.common.errors import ConfigurationError, PermissionDenied, Unauthenticated
from libs.rpc.access import (
    ANONYMOUS,
    ANONYMOUS_IN_DEVELOPMENT,
    NO_TOKEN,
    SUITE_TOKEN,
    AccessControl,
    access_control,
)
from libs.rpc.permissions import RULES, Permission
from libs.runtime.settings import CommonSettings

TRACK = "/weir.ingest.v1.IngestService/TrackEvent"
HEALTH = "/grpc.health.v1.Health/Check"
REFLECTION = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
CHANNELZ = "/grpc.channelz.v1.Channelz/GetServers"
QUERY = "/weir.aggregate.v1.AggregateService/QueryRollup"


def secret(development: bool = False) -> AccessControl:
    anonymous = ANONYMOUS_IN_DEVELOPMENT if development else ANONYMOUS
    return AccessControl({"secret": SUITE_TOKEN}, anonymous=anonymous)


# RFC 9110, 11.1 and 11.4: the scheme is case-insensitive, and followed by one or more spaces.
@pytest.mark.parametrize(
    "value",
    ["Bearer secret", b"Bearer secret", "bearer secret", "BEARER secret", "Bearer   secret"],
)
def test_the_right_token_lets_in(value: str | bytes) -> None:
    principal = secret().principal(TRACK, [("x", "y"), ("authorization", value)])
    assert principal is SUITE_TOKEN
    assert all(secret().rule(method, principal) for method in RULES)


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
        secret().principal(TRACK, [("authorization", value)])


def test_no_token_does_not() -> None:
    with pytest.raises(Unauthenticated, match="no bearer token"):
        secret().principal(TRACK, [])


def test_health_is_open_and_the_rest_only_in_development() -> None:
    production, development = secret(), secret(development=True)
    for tokens in (production, development):
        assert tokens.principal(HEALTH, []).name == "anonymous"
    for method in (REFLECTION, CHANNELZ):
        assert development.principal(method, []).name == "anonymous"
        with pytest.raises(Unauthenticated):
            production.principal(method, [])


def test_a_name_that_only_begins_like_health_is_not_open() -> None:
    with pytest.raises(Unauthenticated):
        secret().principal("/grpc.health.v1.HealthX/Check", [])


def test_without_tokens_all_calls_are_one_callers() -> None:
    tokens = AccessControl({})
    for method in (TRACK, HEALTH, REFLECTION):
        assert tokens.principal(method, []) is NO_TOKEN
        tokens.rule(method, NO_TOKEN)


def test_the_read_token_reads_numbers_of_its_apps() -> None:
    given = {"auth_token": "all", "read_token": "some", "read_apps": " chess,go, "}
    tokens = access_control(CommonSettings.model_validate(given))
    reader = tokens.principal(QUERY, [("authorization", "Bearer some")])
    assert reader.apps == frozenset({"chess", "go"})
    assert reader.permissions == {Permission.READ_NUMBERS, Permission.READ_HEALTH}
    assert (reader.may_see("go"), reader.may_see("shogi")) == (True, False)
    assert tokens.rule(QUERY, reader).permission is Permission.READ_NUMBERS
    with pytest.raises(PermissionDenied, match=r"events\.send"):
        tokens.rule(TRACK, reader)
    assert tokens.principal(QUERY, [("authorization", "Bearer all")]) is SUITE_TOKEN
    with pytest.raises(Unauthenticated):
        tokens.principal(QUERY, [("authorization", "Bearer som")])


def test_a_read_token_without_apps_sees_all() -> None:
    settings = CommonSettings.model_validate({"auth_token": "all", "read_token": "some"})
    reader = access_control(settings).principal(QUERY, [("authorization", "Bearer some")])
    assert reader.apps is None
    assert reader.may_see("anything")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"read_token": "r"}, "WEIR_AUTH_TOKEN as well"),
        ({"auth_token": "a", "read_token": "a"}, "must differ"),
        ({"auth_token": "a", "read_token": "r r"}, "WEIR_READ_TOKEN must be visible ASCII"),
        ({"auth_token": "a", "read_apps": "chess"}, "WEIR_READ_APPS"),
        # It would permit all apps.
        ({"auth_token": "a", "read_token": "r", "read_apps": " , "}, "WEIR_READ_APPS"),
    ],
)
def test_a_read_token_that_limits_nothing_does_not_start(
    given: dict[str, str], message: str
) -> None:
    settings = CommonSettings.model_validate({"environment": "development", **given})
    with pytest.raises(ConfigurationError, match=message):
        settings.check_authentication()


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
    with pytest.raises(ConfigurationError, match="visible ASCII") as rejection:
        settings.check_authentication()
    assert token.strip() == "" or token.strip() not in str(rejection.value)
