"""What happens around every RPC: authenticate, turn errors into statuses, count.

One interceptor instead of three, and wrapped handlers kept per method: each costs a coroutine and an
object a call, which a unary consent check would feel.
"""

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
import structlog

from libs.common.auth import BearerToken
from libs.common.errors import Unavailable, WeirError
from libs.common.status import abort

log = structlog.get_logger()

Continuation = Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler | None]]


class RpcInterceptor(grpc.aio.ServerInterceptor):  # type: ignore[misc]
    """See the module. `transient` are exceptions of stores that mean "not now" (UNAVAILABLE)."""

    def __init__(self, token: BearerToken, transient: tuple[type[Exception], ...]) -> None:
        self._token = token
        self._transient = transient
        self._handlers: dict[str, grpc.RpcMethodHandler] = {}

    async def intercept_service(
        self, continuation: Continuation, details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler | None:
        method: str = details.method
        try:
            self._token.check(method, details.invocation_metadata)
        except WeirError as error:
            return _refusing(error)
        wrapped = self._handlers.get(method)
        if wrapped is None:
            handler = await continuation(details)
            if handler is None:
                return None  # UNIMPLEMENTED
            wrapped = self._handlers[method] = self._wrap(method, handler)
        return wrapped

    def _wrap(self, method: str, handler: grpc.RpcMethodHandler) -> grpc.RpcMethodHandler:
        codec = {
            "request_deserializer": handler.request_deserializer,
            "response_serializer": handler.response_serializer,
        }
        if handler.unary_unary:
            return grpc.unary_unary_rpc_method_handler(
                self._unary(method, handler.unary_unary), **codec
            )
        if handler.unary_stream:
            return grpc.unary_stream_rpc_method_handler(
                self._stream(method, handler.unary_stream), **codec
            )
        if handler.stream_stream:
            return grpc.stream_stream_rpc_method_handler(
                self._stream(method, handler.stream_stream), **codec
            )
        return handler

    def _unary(self, method: str, behavior: Callable[..., Awaitable[Any]]) -> Callable[..., Any]:
        async def call(request: Any, context: grpc.aio.ServicerContext) -> Any:
            try:
                return await behavior(request, context)
            except Exception as error:
                await self._answer(method, context, error)

        return call

    def _stream(self, method: str, behavior: Callable[..., Any]) -> Callable[..., Any]:
        if not inspect.isasyncgenfunction(behavior):
            # Written with context.read() and context.write(): a coroutine, like a unary call.
            return self._unary(method, behavior)

        async def call(request: Any, context: grpc.aio.ServicerContext) -> AsyncIterator[Any]:
            try:
                async for response in behavior(request, context):
                    yield response
            except Exception as error:
                await self._answer(method, context, error)

        return call

    async def _answer(
        self, method: str, context: grpc.aio.ServicerContext, error: Exception
    ) -> None:
        if isinstance(error, grpc.aio.AbortError):
            raise error
        if isinstance(error, self._transient):
            log.warning("store unavailable", method=method, error=type(error).__name__)
            error = Unavailable("a store does not answer", retry_after_seconds=1.0)
        if not isinstance(error, WeirError):
            # The message may hold personal data: the type and the trace go to the log, no more.
            log.error("unexpected error", method=method, error=type(error).__name__, exc_info=True)
            error = WeirError("internal error; the service's log has the details")
        await abort(context, error)


def _refusing(error: WeirError) -> grpc.RpcMethodHandler:
    async def refuse(_: Any, context: grpc.aio.ServicerContext) -> None:
        await abort(context, error)

    # The answer is given before any message is read, so one shape serves all four.
    return grpc.unary_unary_rpc_method_handler(refuse)
