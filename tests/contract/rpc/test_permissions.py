"""Who may call what: every RPC with every kind of token, and apps that a caller may not see."""

from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from grpc_channelz.v1 import channelz_pb2
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2
from prometheus_client import REGISTRY

from libs.rpc.permissions import RULES, Permission
from libs.rpc.server import GrpcServer
from libs.runtime.settings import CommonSettings
from tests.contract.rpc.every_rpc import Callers, methods, request, services
from tests.support.rejections import aio_rpc_status, details_of, reason_of
from tests.support.waiting import until

SUITE, READ = "the-suite-token", "the-read-token"
METHODS = methods()
# What a dashboard needs, by hand: not taken from the table.
READABLE = {
    "/weir.aggregate.v1.AggregateService/QueryRollup",
    "/weir.aggregate.v1.AggregateService/GetMetric",
    "/weir.aggregate.v1.AggregateService/WatchRollups",
    "/weir.aggregate.v1.AggregateService/QueryCohortRetention",
    "/weir.aggregate.v1.AggregateService/QueryCohorts",
    "/weir.aggregate.v1.AggregateService/QueryFunnel",
    "/weir.aggregate.v1.AggregateService/QueryPaths",
    "/weir.aggregate.v1.AggregateService/QuerySegments",
    "/weir.aggregate.v1.AggregateService/QueryGauges",
    "/weir.aggregate.v1.AggregateService/WatchGauges",
    "/weir.aggregate.v1.AggregateService/ListRollups",
    "/weir.aggregate.v1.JobService/GetJobResult",
}
OTHERS: dict[str, Any] = {
    "/grpc.health.v1.Health/Check": health_pb2.HealthCheckRequest(),
    "/grpc.channelz.v1.Channelz/GetServers": channelz_pb2.GetServersRequest(),
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo": (
        reflection_pb2.ServerReflectionRequest(list_services="")
    ),
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": (
        reflection_pb2.ServerReflectionRequest(list_services="")
    ),
}


class Served:
    """All RPCs on one server, and a connection to it."""

    def __init__(self, **settings: Any) -> None:
        self.callers = Callers()
        given = {"port": 0, "auth_token": SUITE, "read_token": READ, **settings}
        bindings = [self.callers.binding(service) for service in services()]
        self.server = GrpcServer(CommonSettings.model_validate(given), bindings)

    async def __aenter__(self) -> "Served":
        await self.server.start()
        self._channel = grpc.aio.insecure_channel(f"127.0.0.1:{self.server.port}")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._channel.close()
        await self.server.stop(0)

    async def call(self, method: str, message: Any = None, token: str = "") -> bytes:
        """The first answer. Raises grpc.aio.AioRpcError. One message, whatever the method's shape: on the
        wire they are alike. It is sent together with the headers, since a write to a call that the server
        has ended meanwhile would fail as INTERNAL."""
        metadata = (("authorization", f"Bearer {token}"),) if token else ()
        content = message.SerializeToString() if message is not None else b""
        call = self._channel.unary_stream(method)(content, metadata=metadata)
        answer: bytes = await call.read()
        assert await call.code() is grpc.StatusCode.OK
        return answer

    async def code(self, method: str, message: Any, token: str) -> str:
        """The status of a call."""
        try:
            await self.call(method, message, token)
        except grpc.aio.AioRpcError as error:
            return str(error.code().name)
        return "OK"


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    async with Served() as running:
        yield running


async def test_every_rpc_of_every_service_is_in_the_table(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    registered: set[str] = set()
    make_server = grpc.aio.server

    def make_noting_server(**options: Any) -> grpc.aio.Server:
        server = make_server(**options)
        add = server.add_generic_rpc_handlers

        def note(handlers: Any) -> None:
            for handler in handlers:
                registered.update(handler._method_handlers)
            add(handlers)

        server.add_generic_rpc_handlers = note
        return server

    monkeypatch.setattr(grpc.aio, "server", make_noting_server)
    Served()
    assert set(METHODS) <= registered
    # With what the server adds itself: health, reflection twice, channelz.
    assert len(registered) == len(METHODS) + 3 + 2 + 7
    assert registered == set(RULES)


@pytest.mark.parametrize("method", METHODS)
def test_the_table_names_the_field_with_the_app(method: str) -> None:
    path = RULES[method].app
    assert path is not None
    message = METHODS[method].input_type
    *outer, last = path.split(".")
    for name in outer:
        inner = message.fields_by_name[name].message_type
        assert inner is not None
        message = inner
    assert last == "app_id"
    assert message.fields_by_name[last].type == message.fields_by_name[last].TYPE_STRING


def test_every_permission_is_needed_by_an_rpc() -> None:
    by_servicers = {Permission.READ_PERSONAL_NUMBERS, Permission.OPEN_SEALED}
    assert {rule.permission for rule in RULES.values()} | by_servicers == set(Permission)


@pytest.mark.parametrize("method", METHODS)
async def test_each_token_permits_what_it_should(served: Served, method: str) -> None:
    message = request(METHODS[method], "chess")
    for token in ("", "wrong"):
        with pytest.raises(grpc.aio.AioRpcError) as rejection:
            await served.call(method, message, token)
        assert reason_of(rejection.value) == ("UNAUTHENTICATED", "TOKEN_INVALID", "")
    assert served.callers.principals == []
    if method in READABLE:
        await served.call(method, message, READ)
        assert served.callers.principals == ["read token"]
    else:
        with pytest.raises(grpc.aio.AioRpcError) as rejection:
            await served.call(method, message, READ)
        assert reason_of(rejection.value) == ("PERMISSION_DENIED", "PERMISSION_DENIED", "")
        permission = details_of(rejection.value).metadata["permission"]
        assert permission == RULES[method].permission
        assert served.callers.principals == []
    served.callers.principals.clear()
    await served.call(method, message, SUITE)
    assert served.callers.principals == ["suite token"]


@pytest.mark.parametrize("method", OTHERS)
async def test_health_is_open_and_inspection_is_not(served: Served, method: str) -> None:
    is_health = "health" in method
    codes = [await served.code(method, OTHERS[method], token) for token in ("", READ, SUITE)]
    expected = ["OK"] * 3 if is_health else ["UNAUTHENTICATED", "PERMISSION_DENIED", "OK"]
    assert codes == expected


@pytest.mark.parametrize("method", OTHERS)
async def test_inspection_is_open_in_development(method: str) -> None:
    async with Served(environment="development") as served:
        assert await served.code(method, OTHERS[method], "") == "OK"
        for name, descriptor in METHODS.items():
            assert await served.code(name, request(descriptor, "shogi"), "") == "UNAUTHENTICATED"


@pytest.mark.parametrize(
    "method",
    [
        "/weir.ingest.v1.IngestService/NoSuchCall",
        "/weir.ingest.v1.IngestService/trackEvent",
        "/weir.ingest.v1.IngestService/TrackEvent/",
        "/weir.nosuch.v1.NoService/Call",
        "/grpc.health.v1.HealthX/Check",
    ],
)
async def test_what_is_not_in_the_table_is_denied_to_everyone(served: Served, method: str) -> None:
    assert await served.code(method, None, "") == "UNAUTHENTICATED"
    for token in (READ, SUITE):
        with pytest.raises(grpc.aio.AioRpcError) as rejection:
            await served.call(method, None, token)
        assert reason_of(rejection.value) == ("PERMISSION_DENIED", "PERMISSION_DENIED", "")
    async with Served(environment="development", auth_token="", read_token="") as unlocked:
        assert await unlocked.code(method, None, "") == "PERMISSION_DENIED"


@pytest.mark.parametrize("method", METHODS)
async def test_an_unknown_app_is_not_found(served: Served, method: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as rejection:
        await served.call(method, request(METHODS[method], "bingo"), SUITE)
    assert reason_of(rejection.value) == ("NOT_FOUND", "APP_UNKNOWN", "")
    assert details_of(rejection.value).metadata == {"app_id": "bingo"}


@pytest.mark.parametrize("method", sorted(READABLE))
async def test_an_app_that_a_caller_may_not_see_is_like_one_that_does_not_exist(
    method: str,
) -> None:
    async with Served(read_apps=" chess, ") as served:
        answers = []
        for app_id in ("shogi", "bingo"):
            message = request(METHODS[method], app_id)
            with pytest.raises(grpc.aio.AioRpcError) as rejection:
                await served.call(method, message, READ)
            status = aio_rpc_status(rejection.value)
            assert status is not None
            assert app_id in str(status)
            answers.append(str(status).replace(app_id, "-----"))
        # `shogi` has a catalog, and `bingo` has none.
        assert answers[0] == answers[1]
        assert served.callers.principals == []
        await served.call(method, request(METHODS[method], "chess"), READ)
        # Each token has its own: the suite's sees all.
        await served.call(method, request(METHODS[method], "shogi"), SUITE)
        assert served.callers.principals == ["read token", "suite token"]


def _measured(method: str, code: str) -> float:
    labels = {
        "rpc_system_name": "grpc",
        "rpc_method": method,
        "rpc_response_status_code": code,
    }
    return REGISTRY.get_sample_value("rpc_server_call_duration_seconds_count", labels) or 0.0


@pytest.mark.parametrize("method", METHODS)
async def test_every_rpc_is_measured_with_its_status(served: Served, method: str) -> None:
    label = method.removeprefix("/")
    codes = ("OK", "NOT_FOUND", "UNAUTHENTICATED")
    before = [_measured(label, code) for code in codes]
    for app_id, token in (("chess", SUITE), ("shogi", SUITE), ("bingo", SUITE), ("chess", "")):
        await served.code(method, request(METHODS[method], app_id), token)

    def counted() -> list[float]:
        after = [_measured(label, code) for code in codes]
        return [now - then for now, then in zip(after, before, strict=True)]

    # A call is counted when it is over, a moment after its caller has the answer.
    await until(lambda: sum(counted()) == 4)
    assert counted() == [2, 1, 1]
    assert REGISTRY.get_sample_value("weir_rpc_open_calls", {"rpc_method": label}) == 0


async def test_invented_methods_are_measured_as_one(served: Served) -> None:
    before = _measured("_OTHER", "PERMISSION_DENIED")
    for number in range(3):
        await served.code(f"/weir.invented.v1.Service/Call{number}", None, SUITE)
    assert _measured("_OTHER", "PERMISSION_DENIED") - before == 3
    labels = {
        sample.labels["rpc_method"]
        for family in REGISTRY.collect()
        if family.name == "rpc_server_call_duration_seconds"
        for sample in family.samples
    }
    assert not [label for label in labels if "invented" in label]


async def test_an_rpc_that_is_described_only_is_unimplemented(served: Served) -> None:
    method = "grpc.health.v1.Health/List"
    before = _measured(method, "UNIMPLEMENTED")
    with pytest.raises(grpc.aio.AioRpcError) as rejection:
        await served.call(f"/{method}", health_pb2.HealthListRequest())
    assert rejection.value.code() is grpc.StatusCode.UNIMPLEMENTED
    assert _measured(method, "UNIMPLEMENTED") - before == 1


async def test_the_rpc_of_another_service_is_unimplemented_and_measured() -> None:
    settings = CommonSettings.model_validate({"port": 0, "auth_token": SUITE})
    server = GrpcServer(settings, [])
    await server.start()
    before = _measured("weir.privacy.v1.PrivacyService/CheckConsent", "UNIMPLEMENTED")
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        call = channel.unary_unary("/weir.privacy.v1.PrivacyService/CheckConsent")
        with pytest.raises(grpc.aio.AioRpcError) as rejection:
            await call(b"", metadata=(("authorization", f"Bearer {SUITE}"),))
    assert rejection.value.code() is grpc.StatusCode.UNIMPLEMENTED
    after = _measured("weir.privacy.v1.PrivacyService/CheckConsent", "UNIMPLEMENTED")
    assert after - before == 1
    await server.stop(0)
