"""What enrich does with the entries of the raw streams."""

from collections.abc import Sequence
from contextlib import ExitStack

from libs.runtime.telemetry import batch_span
from libs.streams.groups import Entry
from services.enrich import convert
from services.enrich.pipeline import EnrichPipeline


class RawStreamReader:
    """Turns entries into batches for the processor, each under a span of its own trace."""

    def __init__(self, processor: EnrichPipeline) -> None:
        self._processor = processor

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
            await self._processor.process(batches)

    async def dead_letter(self, entries: Sequence[Entry]) -> None:
        """Makes dead letters of what too many attempts failed at. Raises UnreadableError."""
        for entry in entries:
            await self._processor.dead_letter(
                convert.work_batch(entry), "too many attempts at the batch failed"
            )
