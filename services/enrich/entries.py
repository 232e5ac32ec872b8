"""Turns the entries of the raw streams into batches for the pipeline."""

from collections.abc import Sequence
from contextlib import ExitStack

from libs.runtime.telemetry import batch_span
from libs.streams.groups import Entry
from services.enrich import convert
from services.enrich.pipeline import EnrichPipeline


class RawStreamReader:
    """Has the pipeline process entries, each batch under a span of its own trace."""

    def __init__(self, pipeline: EnrichPipeline) -> None:
        self._pipeline = pipeline

    async def process(self, entries: Sequence[Entry]) -> None:
        """Has the entries' events stored and forwarded. Raises UnreadableError."""
        batches = [convert.work_batch(entry) for entry in entries]
        with ExitStack() as spans:
            for batch in batches:
                batch.traceparent = spans.enter_context(
                    batch_span(
                        "enrich.batch",
                        batch.traceparent,
                        app_id=batch.app_id,
                        events=len(batch.events),
                    )
                )
            await self._pipeline.process(batches)

    async def dead_letter(self, entries: Sequence[Entry]) -> None:
        """Makes dead letters of entries at which too many attempts failed. Raises UnreadableError."""
        for entry in entries:
            await self._pipeline.dead_letter(
                convert.work_batch(entry), "too many attempts at the batch failed"
            )
