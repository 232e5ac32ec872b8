"""Group commit: frames of an app that arrive while a batch is being appended are appended together.

So an event alone costs a share of a batch, and none waits for a timer: what arrives while nothing is under
way begins at once.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Hashable, Sequence
from contextvars import Context

from libs.common.errors import ResourceExhausted, Unavailable
from libs.runtime.telemetry import shared_span
from services.ingest import metrics
from services.ingest.intake.frame_queue import FrameQueue
from services.ingest.intake.model import Frame, Outcome, Verdict
from services.ingest.intake.pipeline import IngestPipeline
from services.ingest.settings import IngestSettings

# To prepare so many events takes about as long as an append. They are prepared while the batch before them is
# appended; fewer wait for its end, and for what arrives until then.
PREPARED_AHEAD_EVENTS = 100


class GroupCommit:
    """Forms batches of frames and has them appended, of each app one after the other."""

    def __init__(self, pipeline: IngestPipeline, settings: IngestSettings) -> None:
        self._pipeline = pipeline
        self._settings = settings
        # Of each app that has sent anything.
        self._lanes: dict[str, _Lane] = {}

    def check_app(self, app_id: str) -> None:
        """Raises AppUnknown if there is no catalog of the app."""
        self._pipeline.catalog(app_id)

    def submit(
        self, app_id: str, frame: Frame, source: Hashable = None
    ) -> "asyncio.Future[Outcome]":
        """Lets the frame join a batch. The frames of one source are taken in their order, those of several in
        turn; without a source the frame is alone. A caller that waits no longer cancels the future.

        Raises AppUnknown, InvalidArgument and LimitExceeded at once; the future may raise LimitExceeded, and
        Unavailable if consent or the stream cannot be reached: then the producer may send the frame again.
        """
        try:
            self._pipeline.check(app_id, frame)
        except ResourceExhausted:
            metrics.REJECTED_FRAMES.labels(app_id).inc()
            raise
        lane = self._lanes.get(app_id)
        if lane is None:
            lane = self._lanes[app_id] = _Lane(app_id, self._pipeline, self._settings)
        return lane.add(frame, source or frame)


class _Lane:
    """The batches of one app: at most one is appended, and one prepared, at a time."""

    def __init__(self, app_id: str, pipeline: IngestPipeline, settings: IngestSettings) -> None:
        self._app_id = app_id
        self._pipeline = pipeline
        self._queue = FrameQueue(settings.max_events_per_frame, settings.max_frame_bytes)
        # What each frame's producer waits for, and since when.
        self._waiting: dict[Frame, tuple[asyncio.Future[Outcome], float]] = {}
        self._appending = asyncio.Lock()
        self._preparing: asyncio.Task[None] | None = None
        # The loop itself keeps no task alive.
        self._tasks: set[asyncio.Task[None]] = set()

    def add(self, frame: Frame, source: Hashable) -> "asyncio.Future[Outcome]":
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting[frame] = future, time.perf_counter()
        self._queue.add(source, frame)
        self._prepare_next()
        return future

    def _prepare_next(self) -> None:
        if self._preparing or not self._queue.events:
            return
        if self._appending.locked() and self._queue.events < PREPARED_AHEAD_EVENTS:
            return
        # It runs when this turn of the loop is over; what else arrives in this turn joins the batch.
        # In a context of its own, without the span and the principal of a caller or of the batch before.
        self._preparing = asyncio.create_task(self._take_batch(), context=Context())
        self._tasks.add(self._preparing)
        self._preparing.add_done_callback(self._tasks.discard)

    async def _take_batch(self) -> None:
        frames = []
        for frame in self._queue.next_batch():
            future, _ = self._waiting[frame]
            if future.cancelled():
                # Its caller waits no longer: the frame is not taken, and not counted.
                del self._waiting[frame]
            else:
                frames.append(frame)
        error: Exception | None = None
        try:
            await self._commit(frames)
        except Exception as failure:
            error = failure
        finally:
            if self._preparing is asyncio.current_task():
                self._preparing = None
        self._answer(frames, error)
        self._prepare_next()

    async def _commit(self, frames: Sequence[Frame]) -> None:
        if not frames:
            return
        traceparents = [frame.traceparent for frame in frames]
        events = sum([len(frame.events) for frame in frames])
        metrics.BATCH_EVENTS.observe(events)
        with shared_span("ingest.batch", traceparents, app_id=self._app_id, events=events) as trace:
            batches = await self._pipeline.prepare(self._app_id, frames, trace)
            async with self._appending:
                self._preparing = None
                self._prepare_next()
                await self._pipeline.append(batches)

    def _answer(self, frames: Sequence[Frame], error: Exception | None) -> None:
        """Gives each caller the outcome of its frame, or the error of the frame or of all."""
        verdicts: Counter[Verdict] = Counter()
        conflicts = 0
        now = time.perf_counter()
        for frame in frames:
            future, began = self._waiting.pop(frame)
            metrics.FRAME_SECONDS.observe(now - began)
            failure = error or frame.error
            if failure is None:
                verdicts.update(frame.outcome.verdicts)
                conflicts += frame.outcome.conflicts
            elif isinstance(failure, Unavailable):
                verdicts[Verdict.RETRY] += len(frame.events)
            elif isinstance(failure, ResourceExhausted):
                metrics.REJECTED_FRAMES.labels(self._app_id).inc()
            if future.done():
                continue
            if failure is None:
                future.set_result(frame.outcome)
            else:
                future.set_exception(failure)
        for verdict, number in verdicts.items():
            metrics.EVENTS.labels(self._app_id, verdict.name.lower()).inc(number)
        if conflicts:
            metrics.CONFLICTS.labels(self._app_id).inc(conflicts)
