"""The life of a service process: set up, serve until asked to stop, drain, close."""

import asyncio
import gc
import signal
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TypeVar

import structlog
from sqlalchemy import MetaData

from libs.common.clock import SystemClock
from libs.common.errors import ConfigurationError
from libs.rpc.denied_calls import DeniedCalls
from libs.rpc.server import Binding, GrpcServer
from libs.runtime.catalog_reload import CatalogReload
from libs.runtime.freed_memory import freed_memory_loop, system_trim
from libs.runtime.logs import configure_logs
from libs.runtime.loops import Loop
from libs.runtime.metrics_page import metrics_page
from libs.runtime.settings import CommonSettings
from libs.runtime.startup_errors import startup_errors
from libs.runtime.telemetry import setup_telemetry
from libs.runtime.workers.worker import Worker
from libs.stores.open_stores import open_stores
from libs.stores.redis_client import create_redis

log = structlog.get_logger()
SettingsT = TypeVar("SettingsT", bound=CommonSettings)


@dataclass(frozen=True)
class ServiceParts:
    """What a composition root hands over: servicers, background loops, the catalogs, which are kept up to
    date, the service's tables, and how streams are asked to end."""

    bindings: Sequence[Binding]
    catalogs: CatalogReload
    tables: MetaData
    loops: Sequence[Loop] = ()
    drain: Callable[[], None] = field(default=lambda: None)


class LoopReturnedError(Exception):
    """A background loop returned although the service was not asked to stop; the message is its name."""


Build = Callable[[SettingsT, AsyncExitStack], Awaitable[ServiceParts]]


def main(name: str, settings: type[SettingsT], build: Build[SettingsT]) -> None:
    """Runs one service with settings from the environment; SystemExit with one line if these
    are not valid."""
    with startup_errors(name, settings):
        run_service(name, settings(), build)


def run_service(
    name: str, settings: SettingsT, build: Build[SettingsT], worker: Worker | None = None
) -> None:
    """Runs one service in this process until SIGTERM or SIGINT; returns after an orderly drain. As a `worker`
    it shares its port with others, and also drains when their parent has gone.

    Raises ConfigurationError before anything is opened if settings do not suffice, SystemExit(1)
    if an unexpected error ends it.
    """
    if worker:
        settings = worker.adapt(settings)
    settings.check_authentication()
    settings.require("database_url", "redis_url")
    configure_logs(name, settings.log_level, worker.number if worker else None)
    stop_telemetry = setup_telemetry(name)
    try:
        asyncio.run(serve(name, settings, build, worker))
    except ConfigurationError:
        raise
    except Exception:
        # Through the log, which leaves values out: Python's own traceback would print them.
        log.critical("died", exc_info=True)
        raise SystemExit(1) from None
    finally:
        stop_telemetry()


async def serve(
    name: str, settings: SettingsT, build: Build[SettingsT], worker: Worker | None = None
) -> None:
    """Serves until a signal arrives. A background loop that ends before ends the service too: with the loop's
    error, or with LoopReturnedError."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stop.set)
    # The catalogs may have been read by the time that it arrives, or not yet.
    hangup = asyncio.Event()
    loop.add_signal_handler(signal.SIGHUP, hangup.set)
    async with AsyncExitStack() as stack:
        parts = await build(settings, stack)
        loop.add_signal_handler(signal.SIGHUP, parts.catalogs.request)
        if hangup.is_set():
            parts.catalogs.request()
        redis = create_redis(settings.redis_url.get_secret_value())
        stack.push_async_callback(redis.aclose)
        denials = DeniedCalls(redis, parts.catalogs.catalogs, SystemClock())
        server = GrpcServer(
            settings,
            parts.bindings,
            open_stores(settings, parts.tables, stack),
            shares_port=worker is not None,
            denials=denials,
        )
        stack.enter_context(metrics_page(settings.host, settings.metrics_port))
        loops = [
            *parts.loops,
            Loop("catalogs", parts.catalogs.run),
            Loop("denied calls", denials.run),
            *freed_memory_loop(system_trim()),
        ]
        tasks = [asyncio.create_task(part.run(stop), name=part.name) for part in loops]
        _tune_garbage_collector()
        await server.start()
        log.info("serving", port=server.port, metrics_port=settings.metrics_port)
        if worker:
            worker.report_serving()
            worker.watch_parent(loop, stop.set)
        stopped = asyncio.create_task(stop.wait(), name="stop")
        await asyncio.wait([stopped, *tasks], return_when=asyncio.FIRST_COMPLETED)
        ended_early = [] if stop.is_set() else [task for task in tasks if task.done()]
        log.info("draining")
        stop.set()
        parts.drain()
        await server.stop(settings.drain_seconds)
        await _finish(tasks, ended_early)
    log.info("stopped")


async def _finish(
    loops: Sequence[asyncio.Task[None]], ended_early: Sequence[asyncio.Task[None]]
) -> None:
    """Waits for the loops; logs each that failed, and raises the error of the first of them."""
    errors = list[BaseException]()
    for loop, result in zip(
        loops, await asyncio.gather(*loops, return_exceptions=True), strict=True
    ):
        error = result if isinstance(result, BaseException) else None
        if error is None and loop in ended_early:
            error = LoopReturnedError(loop.get_name())
        if error is not None:
            log.error("a background loop failed", loop=loop.get_name(), error=type(error).__name__)
            errors.append(error)
    if errors:
        raise errors[0]


def _tune_garbage_collector() -> None:
    """A chunk makes some hundred thousand tuples that reference counting frees; with the default
    thresholds the cycle collector walks them, and every cache, over and over for a third of the CPU."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(200_000, 20, 50)
