"""What the server under all services does with calls that lack a token, a message or an end."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from weakref import WeakKeyDictionary

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from grpc_channelz.v1 import channelz_pb2, channelz_pb2_grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from tests.contract.rpc.rpc_shapes import (
    METADATA,
    NO_MESSAGE,
    SERVICE,
    SHAPES,
    Served,
    method,
    open_call,
)
from tests.support.rejections import details_of, reason_of
from tests.support.waiting import until

each_shape = pytest.mark.parametrize("shape", SHAPES)
STREAMS = SHAPES[1:]


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    async with Served() as running:
        yield running


async def _code(call: Any) -> str:
    return str((await call.code()).name)


# The id that channelz has for each.
_SERVER_IDS: WeakKeyDictionary[Served, int] = WeakKeyDictionary()


async def _calls(served: Served) -> channelz_pb2.ServerData:
    stub = channelz_pb2_grpc.ChannelzStub(served.channel())
    if served not in _SERVER_IDS:
        # channelz knows the servers of all tests of this process, a page at a time: the newest that has had
        # calls is ours, as it has this one.
        newest, last, is_end = 0, 0, False
        while not is_end:
            request = channelz_pb2.GetServersRequest(start_server_id=last + 1)
            page = await stub.GetServers(request, metadata=METADATA)
            called = [each.ref.server_id for each in page.server if each.data.calls_started]
            newest = max([newest, *called])
            last = max([last, *(each.ref.server_id for each in page.server)])
            is_end = page.end
        _SERVER_IDS[served] = newest
    asked = channelz_pb2.GetServerRequest(server_id=_SERVER_IDS[served])
    answer = await stub.GetServer(asked, metadata=METADATA)
    return answer.server.data


async def _open_calls(served: Served) -> int:
    data = await _calls(served)
    # Without the question itself.
    return int(data.calls_started - data.calls_succeeded - data.calls_failed - 1)


@each_shape
async def test_all_shapes_answer(served: Served, shape: str) -> None:
    call = method(served.channel(), shape)
    message = Timestamp(seconds=7)
    argument = iter([message]) if shape.startswith("stream") else message
    running = call(argument, metadata=METADATA)
    if shape.endswith("unary"):
        assert await running == message
    else:
        assert [answer async for answer in running] == [message]


async def test_one_task_waits_for_calls_however_many_methods_there_are() -> None:
    """grpc.aio would have one for each registered method, and look at all of them at each call."""
    before = asyncio.all_tasks()
    async with Served():
        names = [str(task) for task in asyncio.all_tasks() - before]
        assert len([name for name in names if "AioServer._request_" in name]) == 1


@each_shape
async def test_a_call_without_a_token_is_refused_before_any_message(
    served: Served, shape: str
) -> None:
    call = open_call(served.channel(), shape)
    with pytest.raises(grpc.aio.AioRpcError) as rejection:
        await call.read()
    assert reason_of(rejection.value) == ("UNAUTHENTICATED", "TOKEN_INVALID", "")
    assert served.servicer.begun == 0


async def test_streams_without_a_token_do_not_stay_open(served: Served) -> None:
    unauthenticated = ("stream_stream", "UNAUTHENTICATED")
    before = _calls_measured(*unauthenticated)
    channels = [served.channel() for _ in range(3)]
    calls = [open_call(channels[n % 3], "stream_stream") for n in range(300)]
    codes = await asyncio.gather(*map(_code, calls))
    assert set(codes) == {"UNAUTHENTICATED"}
    assert _calls_measured(*unauthenticated) - before == 300
    # The server's own count, not the clients': nothing is left open behind a status that was sent.
    assert (await _calls(served)).calls_started >= 300
    await until(lambda: _is_idle(served))
    assert not [task for task in asyncio.all_tasks() if "stream_stream" in task.get_name()]


async def _is_idle(served: Served) -> bool:
    return await _open_calls(served) == 0


@each_shape
async def test_a_caller_that_sends_no_message_is_not_waited_for(shape: str) -> None:
    async with Served(first_message_seconds=0.2) as served:
        call = open_call(served.channel(), shape, METADATA)
        with pytest.raises(grpc.aio.AioRpcError) as rejection:
            await call.read()
        assert reason_of(rejection.value) == ("DEADLINE_EXCEEDED", "CALL_TIMED_OUT", "")
        limit = {"limit": "first_message_seconds", "value": "0.2"}
        assert details_of(rejection.value).metadata == limit
        await until(lambda: _is_idle(served))


@pytest.mark.parametrize("shape", ["unary_unary", "unary_stream"])
async def test_a_call_that_ends_without_its_message_is_refused(served: Served, shape: str) -> None:
    call = open_call(served.channel(), shape, METADATA)
    await call.done_writing()
    with pytest.raises(grpc.aio.AioRpcError, match="no message") as rejection:
        await call.read()
    assert reason_of(rejection.value) == ("INVALID_ARGUMENT", "ARGUMENT_INVALID", "")


async def test_a_unary_call_that_takes_too_long_is_ended() -> None:
    async with Served(max_call_seconds=0.2) as served:
        served.servicer.gate.clear()
        before = _sample("weir_rpc_timed_out_calls_total", rpc_method=f"{SERVICE}/unary_unary")
        with pytest.raises(grpc.aio.AioRpcError) as rejection:
            await method(served.channel(), "unary_unary")(Timestamp(), metadata=METADATA)
        assert reason_of(rejection.value) == ("DEADLINE_EXCEEDED", "CALL_TIMED_OUT", "")
        assert details_of(rejection.value).metadata == {"limit": "max_call_seconds", "value": "0.2"}
        after = _sample("weir_rpc_timed_out_calls_total", rpc_method=f"{SERVICE}/unary_unary")
        assert after - before == 1


@each_shape
async def test_bytes_that_are_no_message_are_the_callers_mistake(
    served: Served, shape: str
) -> None:
    before = _sample("weir_rpc_unreadable_messages_total", rpc_method=f"{SERVICE}/{shape}")
    channel = served.channel()
    argument = (lambda: iter([NO_MESSAGE])) if shape.startswith("stream") else (lambda: NO_MESSAGE)
    with capture_logs() as lines:
        for _ in range(3):
            call = method(channel, shape, raw=True)(argument(), metadata=METADATA)
            with pytest.raises(grpc.aio.AioRpcError) as rejection:
                await (call if shape.endswith("unary") else call.read())
            assert reason_of(rejection.value) == ("INVALID_ARGUMENT", "MESSAGE_UNREADABLE", "")
    after = _sample("weir_rpc_unreadable_messages_total", rpc_method=f"{SERVICE}/{shape}")
    assert after - before == 3
    [line] = lines
    assert line == {
        "event": "a message cannot be read",
        "log_level": "warning",
        "method": f"/{SERVICE}/{shape}",
        "since_last_line": 1,
    }
    assert served.servicer.begun == 0


async def test_an_outage_of_a_store_is_one_line_however_many_calls_it_fails(served: Served) -> None:
    served.servicer.failure = ConnectionRefusedError()
    channel = served.channel()
    with capture_logs() as lines:
        for shape in SHAPES:
            for _ in range(3):
                message = Timestamp(seconds=7)
                argument = iter([message]) if shape.startswith("stream") else message
                call = method(channel, shape)(argument, metadata=METADATA)
                assert await _code(call) == "UNAVAILABLE"
    assert lines == [
        {
            "event": "store unavailable",
            "log_level": "warning",
            "method": f"/{SERVICE}/unary_unary",
            "error": "ConnectionRefusedError",
            "since_last_line": 1,
        }
    ]


@pytest.mark.parametrize("shape", STREAMS)
async def test_streams_of_a_connection_are_bounded(shape: str) -> None:
    async with Served(max_streams_per_connection=2) as served:
        served.servicer.gate.clear()
        channel = served.channel()
        first, second = (open_call(channel, shape, METADATA) for _ in range(2))
        for call in (first, second):
            await call.write(Timestamp())
        await until(lambda: served.servicer.begun == 2)
        third = open_call(channel, shape, METADATA)
        with pytest.raises(grpc.aio.AioRpcError) as rejection:
            await third.read()
        _is_full(rejection.value, "max_streams_per_connection", 2)
        # Of unary calls, and on another connection, there may be more.
        served.servicer.gate.set()
        await method(channel, "unary_unary")(Timestamp(), metadata=METADATA)
        other = open_call(served.channel(), shape, METADATA)
        await other.write(Timestamp(seconds=1))
        await other.done_writing()
        assert (await other.read()).seconds == 1
        # One that ends makes room.
        await first.done_writing()
        assert len([answer async for answer in first]) == 1
        fourth = open_call(channel, shape, METADATA)
        await fourth.write(Timestamp(seconds=2))
        await fourth.done_writing()
        assert (await fourth.read()).seconds == 2


async def test_streams_of_a_credential_are_bounded_over_all_connections() -> None:
    async with Served(max_streams_per_credential=2) as served:
        served.servicer.gate.clear()
        calls = [open_call(served.channel(), "stream_stream", METADATA) for _ in range(2)]
        for call in calls:
            await call.write(Timestamp())
        await until(lambda: served.servicer.begun == 2)
        with pytest.raises(grpc.aio.AioRpcError) as rejection:
            await open_call(served.channel(), "stream_stream", METADATA).read()
        _is_full(rejection.value, "max_streams_per_credential", 2)
        # Who has no token watches health: those streams count apart, and leave the others theirs.
        watching = [
            health_pb2_grpc.HealthStub(served.channel()).Watch(health_pb2.HealthCheckRequest())
            for _ in range(2)
        ]
        for watch in watching:
            assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
        watch = health_pb2_grpc.HealthStub(served.channel()).Watch(health_pb2.HealthCheckRequest())
        with pytest.raises(grpc.aio.AioRpcError) as rejection:
            await watch.read()
        _is_full(rejection.value, "max_streams_per_credential", 2)


async def test_streams_without_a_token_are_bounded_by_address() -> None:
    async with Served(max_anonymous_calls_per_address=2) as served:
        watching = [_watch(served) for _ in range(2)]
        for watch in watching:
            assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
        with pytest.raises(grpc.aio.AioRpcError) as rejection:
            await _watch(served).read()
        _is_full(rejection.value, "max_anonymous_calls_per_address", 2)
        # Probes still ask for health, and callers with a token are not limited by their address.
        stub = health_pb2_grpc.HealthStub(served.channel())
        assert (await stub.Check(health_pb2.HealthCheckRequest())).status == 1
        served.servicer.gate.clear()
        calls = [open_call(served.channel(), "stream_stream", METADATA) for _ in range(3)]
        for call in calls:
            await call.write(Timestamp())
        await until(lambda: served.servicer.begun == 3)


async def test_unary_calls_without_a_token_are_bounded_while_they_wait_for_their_message() -> None:
    async with Served(max_anonymous_calls_per_address=2) as served:
        checks = [_check_without_message(served) for _ in range(2)]
        for check in checks:
            await check.wait_for_connection()
        await until(lambda: _has_open_calls(served, 2))
        with pytest.raises(grpc.aio.AioRpcError) as rejection:
            await _check_without_message(served).read()
        _is_full(rejection.value, "max_anonymous_calls_per_address", 2)
        # Watching counts apart, and calls with a token do not count.
        assert (await _watch(served).read()).status == health_pb2.HealthCheckResponse.SERVING
        await method(served.channel(), "unary_unary")(Timestamp(), metadata=METADATA)
        # One that ends makes room.
        await checks[0].done_writing()
        assert await _code(checks[0]) == "INVALID_ARGUMENT"
        stub = health_pb2_grpc.HealthStub(served.channel())
        assert (await stub.Check(health_pb2.HealthCheckRequest())).status == 1


async def test_a_suite_without_a_token_limits_no_address() -> None:
    settings: dict[str, Any] = {"environment": "development", "auth_token": ""}
    async with Served(max_anonymous_calls_per_address=1, **settings) as served:
        for watch in [_watch(served) for _ in range(3)]:
            assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING


def _watch(served: Served) -> Any:
    return health_pb2_grpc.HealthStub(served.channel()).Watch(health_pb2.HealthCheckRequest())


def _check_without_message(served: Served) -> Any:
    # The same on the wire; a stub for unary calls would send a message.
    return served.channel().stream_stream("/grpc.health.v1.Health/Check")()


async def _has_open_calls(served: Served, number: int) -> bool:
    return await _open_calls(served) == number


def _is_full(error: grpc.aio.AioRpcError, limit: str, value: int) -> None:
    assert reason_of(error) == ("RESOURCE_EXHAUSTED", "LIMIT_EXCEEDED", "")
    assert details_of(error).metadata == {"limit": limit, "value": str(value)}
    assert limit in (error.details() or "")
    # Those who wait may try again: RetryInfo says so, and gRPC's own retries heed the push back.
    assert ("grpc-retry-pushback-ms", "1000") in tuple(error.trailing_metadata())


async def test_a_cancelled_stream_makes_room() -> None:
    async with Served(max_streams_per_connection=1) as served:
        served.servicer.gate.clear()
        channel = served.channel()
        first = open_call(channel, "unary_stream", METADATA)
        await first.write(Timestamp())
        await until(lambda: served.servicer.begun == 1)
        first.cancel()
        await until(lambda: _is_idle(served))
        served.servicer.gate.set()
        second = method(channel, "unary_stream")(Timestamp(seconds=3), metadata=METADATA)
        assert (await second.read()).seconds == 3


async def test_a_stream_is_measured_when_it_ends(served: Served) -> None:
    served.servicer.gate.clear()
    counts = [_calls_measured("stream_stream", code) for code in ("OK", "CANCELLED")]
    calls = [open_call(served.channel(), "stream_stream", METADATA) for _ in range(2)]
    for call in calls:
        await call.write(Timestamp(seconds=1))
    await until(lambda: served.servicer.begun == 2)
    assert _sample("weir_rpc_open_calls", rpc_method=f"{SERVICE}/stream_stream") == 2
    assert [_calls_measured("stream_stream", code) for code in ("OK", "CANCELLED")] == counts
    calls[0].cancel()
    await until(lambda: _has_ended("CANCELLED", counts[1] + 1))
    served.servicer.gate.set()
    await calls[1].done_writing()
    assert len([answer async for answer in calls[1]]) == 1
    await until(lambda: _has_ended("OK", counts[0] + 1))
    assert _sample("weir_rpc_open_calls", rpc_method=f"{SERVICE}/stream_stream") == 0


async def _has_ended(code: str, calls: float) -> bool:
    return _calls_measured("stream_stream", code) == calls


async def test_a_callers_own_deadline_holds_if_it_is_shorter() -> None:
    async with Served(max_call_seconds=100) as served:
        served.servicer.gate.clear()
        codes = ("DEADLINE_EXCEEDED", "CANCELLED")
        before = sum(_calls_measured("unary_unary", code) for code in codes)
        with pytest.raises(grpc.aio.AioRpcError) as rejection:
            await method(served.channel(), "unary_unary")(
                Timestamp(), metadata=METADATA, timeout=0.2
            )
        assert rejection.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        await until(lambda: _is_idle(served))
        # Which of the two depends on whose clock is ahead.
        assert sum(_calls_measured("unary_unary", code) for code in codes) == before + 1


def _calls_measured(shape: str, code: str, suffix: str = "count") -> float:
    return _sample(
        f"rpc_server_call_duration_seconds_{suffix}",
        rpc_system_name="grpc",
        rpc_method=f"{SERVICE}/{shape}",
        rpc_response_status_code=code,
    )


def _sample(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0
