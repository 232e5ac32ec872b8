"""Logs: one JSON object a line, with trace ids, and no personal data."""

import logging
import sys
import traceback

import orjson
import structlog
from opentelemetry import trace

_MAX_TRACEBACK_LINES = 200


def _add_trace_ids(
    _: object, __: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        event["trace_id"] = trace.format_trace_id(context.trace_id)
        event["span_id"] = trace.format_span_id(context.span_id)
    return event


def _add_traceback(
    _: object, __: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Where an exception came from and of what type it and its causes are; not their messages, which
    quote values (Postgres does: `Key (...)=(...)`), and those may be personal."""
    info = event.pop("exc_info", None)
    error = sys.exc_info()[1] if info is True else info[1] if isinstance(info, tuple) else info
    if isinstance(error, BaseException):
        event["exception"] = _described(error)
    return event


def _described(error: BaseException | None) -> list[str]:
    lines: list[str] = []
    while error is not None and len(lines) < _MAX_TRACEBACK_LINES:
        lines.append(f"{type(error).__module__}.{type(error).__qualname__}")
        lines += [
            f"  {frame.filename}:{frame.lineno} in {frame.name}"
            for frame in traceback.extract_tb(error.__traceback__)
        ]
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return lines


def configure_logs(service: str, level: str, worker: int | None = None) -> None:
    """Sends structlog and the standard library's records to stderr as JSON lines, which name the service, and
    the worker if it has several."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _add_trace_ids,
        _add_traceback,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer(serializer=_dump)],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
        logger_factory=structlog.BytesLoggerFactory(sys.stderr.buffer),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(service=service)
    if worker is not None:
        structlog.contextvars.bind_contextvars(worker=worker)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(
                    serializer=lambda *a, **k: _dump(*a, **k).decode()
                ),
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=level, force=True)


def _dump(event: object, **_: object) -> bytes:
    return orjson.dumps(event, default=repr)
