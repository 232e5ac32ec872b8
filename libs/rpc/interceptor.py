"""What happens around every RPC: authenticate, authorize, limit, turn errors into statuses, measure.

One interceptor instead of several, and wrapped handlers kept per method: each costs a coroutine and an
object a call, which a unary consent check would feel.

grpc.aio reads and decodes the one message of a unary call before it runs the handler, without a deadline
and outside of any `try`. So every method is registered here as one that reads its messages itself; on the
wire nothing differs.
"""

import inspect
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Any

import grpc
import structlog
from google.protobuf.message import DecodeError

from libs.common.errors import DeadlineExceeded, PermissionDenied, Unavailable, WeirError
from libs.rpc import metrics
from libs.rpc.access import ANONYMOUS, AccessControl
from libs.rpc.app_isolation import HiddenApp, app_check, requested_app
from libs.rpc.call_limits import OpenCalls
from libs.rpc.call_meter import OTHER, CallMeter
from libs.rpc.caller import caller_of
from libs.rpc.decoding import Decoder
from libs.rpc.denied_calls import DeniedCalls
from libs.rpc.permissions import Rule
from libs.rpc.principal import CURRENT, Principal
from libs.rpc.request_reading import begun_in_time, read_first, required
from libs.rpc.shared_timeout import SharedTimeout
from libs.rpc.status import abort
from libs.runtime.settings import CommonSettings
from libs.runtime.sparse_log import SparseWarning

log = structlog.get_logger()

Continuation = Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler | None]]
Call = Callable[[Any, grpc.aio.ServicerContext], Awaitable[Any]]


class RpcInterceptor(grpc.aio.ServerInterceptor):  # type: ignore[misc]
    """See the module. `transient` are exceptions of stores that mean "not now" (UNAVAILABLE)."""

    def __init__(
        self,
        access: AccessControl,
        settings: CommonSettings,
        transient: tuple[type[Exception], ...],
        denials: DeniedCalls | None = None,
    ) -> None:
        self._access = access
        self._denials = denials
        self._call_timeout = SharedTimeout(settings.max_call_seconds)
        self._first_message_timeout = SharedTimeout(settings.first_message_seconds)
        self._calls = OpenCalls(
            per_connection=settings.max_streams_per_connection,
            per_credential=settings.max_streams_per_credential,
            per_address=settings.max_anonymous_calls_per_address,
        )
        self._transient = transient
        self._store_unavailable = SparseWarning("store unavailable")
        # By method and name of the principal; so what is here is permitted.
        self._handlers: dict[tuple[str, str], grpc.RpcMethodHandler] = {}
        self._meters: dict[str, CallMeter] = {}

    async def intercept_service(
        self, continuation: Continuation, details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler | None:
        method: str = details.method
        try:
            principal = self._access.principal(method, details.invocation_metadata)
            wrapped = self._handlers.get((method, principal.name))
            if wrapped is not None:
                return wrapped
            rule = self._access.rule(method, principal)
        except PermissionDenied as error:
            handler = await continuation(details)
            return self._denying(method, principal, error, handler)
        except WeirError as error:
            return _refusing(error, self._meter(method))
        handler = await continuation(details)
        if handler is None or not _is_implemented(handler):
            self._meter(method).count("UNIMPLEMENTED")
            return None
        wrapped = self._wrap(method, principal, rule, handler)
        self._handlers[method, principal.name] = wrapped
        return wrapped

    def _meter(self, method: str) -> CallMeter:
        known = method if self._access.knows(method) else OTHER
        meter = self._meters.get(known)
        if meter is None:
            meter = self._meters[known] = CallMeter(known)
        return meter

    def _wrap(
        self, method: str, principal: Principal, rule: Rule, handler: grpc.RpcMethodHandler
    ) -> grpc.RpcMethodHandler:
        codec = {
            "request_deserializer": Decoder(
                method, handler.request_deserializer, app_check(rule, principal)
            ),
            "response_serializer": handler.response_serializer,
        }
        if handler.unary_unary:
            return grpc.stream_unary_rpc_method_handler(
                self._unary(method, principal, rule, handler.unary_unary), **codec
            )
        if handler.stream_unary:
            return grpc.stream_unary_rpc_method_handler(
                self._stream(method, principal, handler.stream_unary), **codec
            )
        if handler.unary_stream:
            behavior = self._with_first_message(method, rule, _written(handler.unary_stream))
        else:
            behavior = _written(handler.stream_stream)
        return grpc.stream_stream_rpc_method_handler(
            self._stream(method, principal, behavior), **codec
        )

    def _unary(self, method: str, principal: Principal, rule: Rule, behavior: Call) -> Call:
        meter = self._meter(method)
        is_anonymous = principal.name == ANONYMOUS.name

        async def call(_: Any, context: grpc.aio.ServicerContext) -> Any:
            cap = self._call_timeout.limit()
            CURRENT.set(principal)
            request = None
            with meter.measure(context):
                try:
                    with cap:
                        if is_anonymous:
                            with self._calls.hold_waiting(connection=context.peer()):
                                request = await read_first(context, self._first_message_timeout)
                        else:
                            request = await read_first(context, self._first_message_timeout)
                        return await behavior(required(request), context)
                except Exception as error:
                    if cap.expired and not isinstance(error, grpc.aio.AbortError):
                        error = self._too_long(method)
                    if isinstance(error, PermissionDenied):
                        self._note(method, context, _app_of(rule, request), error)
                    await self._answer(method, context, error)

        return call

    def _stream(self, method: str, principal: Principal, behavior: Call) -> Call:
        meter = self._meter(method)

        async def call(requests: Any, context: grpc.aio.ServicerContext) -> Any:
            CURRENT.set(principal)
            with meter.measure(context):
                try:
                    with self._calls.hold(connection=context.peer(), credential=principal.name):
                        messages = begun_in_time(requests, self._first_message_timeout)
                        return await behavior(messages, context)
                except Exception as error:
                    await self._answer(method, context, error)

        return call

    def _with_first_message(self, method: str, rule: Rule, behavior: Call) -> Call:
        async def call(_: Any, context: grpc.aio.ServicerContext) -> None:
            request = required(await read_first(context, self._first_message_timeout))
            try:
                await behavior(request, context)
            except PermissionDenied as error:
                self._note(method, context, _app_of(rule, request), error)
                raise

        return call

    def _denying(
        self,
        method: str,
        principal: Principal,
        error: PermissionDenied,
        handler: grpc.RpcMethodHandler | None,
    ) -> grpc.RpcMethodHandler:
        """Refuses the call, and puts on record about which app it was, if the caller says so in time."""
        rule = self._access.known_rule(method)
        if self._denials is None or rule is None or rule.app is None or handler is None:
            return _refusing(error, self._meter(method))

        async def note(context: grpc.aio.ServicerContext) -> None:
            CURRENT.set(principal)
            try:
                with self._calls.hold(connection=context.peer(), credential=principal.name):
                    data = required(await read_first(context, self._first_message_timeout))
                app_id = _app_of(rule, handler.request_deserializer(data))
            except (WeirError, DecodeError):
                # It has not said which app, or has too many calls open.
                return
            self._note(method, context, app_id, error)

        return _refusing(error, self._meter(method), note)

    def _note(
        self, method: str, context: grpc.aio.ServicerContext, app_id: str, error: WeirError
    ) -> None:
        if self._denials is not None:
            permission = error.metadata.get("permission", "")
            self._denials.note(method, app_id, permission, caller_of(context))

    def _too_long(self, method: str) -> WeirError:
        metrics.TIMED_OUT.labels(metrics.method_label(method)).inc()
        seconds = self._call_timeout.seconds
        return DeadlineExceeded(
            f"the call took longer than the {seconds:g} s that this service permits",
            limit="max_call_seconds",
            seconds=seconds,
        )

    async def _answer(
        self, method: str, context: grpc.aio.ServicerContext, error: Exception
    ) -> None:
        if isinstance(error, grpc.aio.AbortError):
            raise error
        if isinstance(error, HiddenApp):
            self._note(method, context, error.app_id, error)
        if isinstance(error, self._transient):
            self._store_unavailable.note(method=method, error=type(error).__name__)
            error = Unavailable("a store does not answer", retry_after_seconds=1.0)
        if not isinstance(error, WeirError):
            # The message may hold personal data: the type and the trace go to the log, no more.
            log.error("unexpected error", method=method, error=type(error).__name__, exc_info=True)
            error = WeirError("internal error; the service's log has the details")
        await abort(context, error)


def _is_implemented(handler: grpc.RpcMethodHandler) -> bool:
    """False for the method that a generated servicer has for each RPC of its proto."""
    behavior = (
        handler.unary_unary or handler.unary_stream or handler.stream_unary or handler.stream_stream
    )
    return not behavior.__module__.endswith("_pb2_grpc")


def _written(behavior: Callable[..., Any]) -> Call:
    """A behavior that streams its answers with `context.write`, also if it yields them: a generator that
    is cancelled while it waits for the network would be closed some time later."""
    if not inspect.isasyncgenfunction(behavior):
        return behavior

    async def call(requests: Any, context: grpc.aio.ServicerContext) -> None:
        async with aclosing(behavior(requests, context)) as responses:
            async for response in responses:
                await context.write(response)

    return call


def _app_of(rule: Rule, request: Any) -> str:
    """The app that a request names; empty for none."""
    if request is None or rule.app is None:
        return ""
    return requested_app(rule.app)(request) or ""


def _refusing(
    error: WeirError,
    meter: CallMeter,
    note: Callable[[grpc.aio.ServicerContext], Awaitable[None]] | None = None,
) -> grpc.RpcMethodHandler:
    async def deny(_: Any, context: grpc.aio.ServicerContext) -> None:
        with meter.measure(context):
            if note is not None:
                await note(context)
            await abort(context, error)

    # Of all shapes the one that reads no message before it runs: a caller that sends none is answered too.
    return grpc.stream_stream_rpc_method_handler(deny)
