"""Runs a batch through the pipeline in a span of its own, and counts what became of its events."""

from collections.abc import Sequence

from weir.common.v1.event_pb2 import Event

from libs.common.errors import ResourceExhausted, Unavailable
from libs.runtime.telemetry import batch_span
from services.ingest import metrics
from services.ingest.intake.model import Outcome, Verdict
from services.ingest.intake.pipeline import IngestPipeline


async def take_batch(
    pipeline: IngestPipeline, app_id: str, events: Sequence[Event], traceparent: str
) -> Outcome:
    """`IngestPipeline.take`, whose span follows the producer's `traceparent`. If it raises Unavailable, all
    events count as RETRY."""
    try:
        with (
            metrics.BATCH_SECONDS.time(),
            batch_span("ingest.batch", traceparent, app_id=app_id, events=len(events)) as own_trace,
        ):
            outcome = await pipeline.take(app_id, events, own_trace)
    except Unavailable:
        metrics.EVENTS.labels(app_id, Verdict.RETRY.name.lower()).inc(len(events))
        raise
    except ResourceExhausted:
        metrics.REJECTED_FRAMES.labels(app_id).inc()
        raise
    for verdict in set(outcome.verdicts):
        metrics.EVENTS.labels(app_id, verdict.name.lower()).inc(outcome.verdicts.count(verdict))
    if outcome.conflicts:
        metrics.CONFLICTS.labels(app_id).inc(outcome.conflicts)
    return outcome
