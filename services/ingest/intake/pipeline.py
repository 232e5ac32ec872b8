"""The way of a batch through ingest: screen its frames, ask for consent, anonymize, append; a verdict for
each event."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from libs.catalog import Catalog, Catalogs
from libs.common.apps import catalog_of
from libs.common.clock import Clock
from libs.common.errors import InvalidArgument, LimitExceeded
from services.ingest.dead_letters.ids import dead_letter_id
from services.ingest.intake.consent_gate import ConsentGate
from services.ingest.intake.day_only import (
    day_batch_id,
    day_start_us,
    has_day_only,
    random_mark,
)
from services.ingest.intake.duplicate_keys import ShardPart, identify
from services.ingest.intake.event_check import EventCheck
from services.ingest.intake.model import Append, Appended, DeadLetter, Frame, Identity, Verdict
from services.ingest.intake.ports import RawStream
from services.ingest.intake.screening import screen
from services.ingest.settings import IngestSettings


@dataclass(frozen=True, slots=True)
class PreparedBatch:
    """What is to be appended to one shard; `letter_frames` are the frames of its dead letters."""

    shard: int
    part: ShardPart
    append: Append
    letter_frames: Sequence[Frame]


class IngestPipeline:
    """Takes batches of one app each. Safe to use for many at once."""

    def __init__(
        self,
        catalogs: Catalogs,
        consent: ConsentGate,
        stream: RawStream,
        clock: Clock,
        new_batch_id: Callable[[], bytes],
        settings: IngestSettings,
    ) -> None:
        """`new_batch_id` makes a UUIDv7, 16 bytes."""
        self._catalogs = catalogs
        self._consent = consent
        self._stream = stream
        self._clock = clock
        self._new_batch_id = new_batch_id
        self._settings = settings

    def check(self, app_id: str, frame: Frame) -> None:
        """Raises AppUnknown, InvalidArgument for a frame without events, LimitExceeded for too many."""
        self.catalog(app_id)
        if not frame.events:
            raise InvalidArgument("a batch has at least one event", field="events")
        check_limit("max_events", len(frame.events), self._settings.max_events_per_frame)

    def catalog(self, app_id: str) -> Catalog:
        """The app's catalog of now. Raises AppUnknown."""
        return catalog_of(self._catalogs.current, app_id)

    async def prepare(
        self, app_id: str, frames: Sequence[Frame], traceparent: str
    ) -> list[PreparedBatch]:
        """Everything but the append: gives verdicts to the events that go no further.

        The events are changed in place: afterwards they are as they will be stored. A frame that is too
        large, or cannot be handled, gets an `error`, and the others go on without it; Unavailable if consent
        cannot be read: then its producer may send it again. Raises AppUnknown.
        """
        now_us = self._clock.now_us()
        catalog = await self.decide(app_id, frames, now_us)
        return self.batches(catalog, frames, now_us, traceparent)

    async def decide(self, app_id: str, frames: Sequence[Frame], now_us: int) -> Catalog:
        """The first part of `prepare`: screens the events, asks for consent, and finds their identities and
        dead letters. Returns the catalog that it went by. Raises AppUnknown."""
        # The one that holds for these frames to their end, whatever is loaded meanwhile.
        catalog = self.catalog(app_id)
        check_of_now = EventCheck(catalog, now_us)
        shards = self._settings.shards
        for frame in frames:
            with frame.failing_alone():
                check = check_of_now
                if frame.received_at_us is not None:
                    check = EventCheck(catalog, frame.received_at_us)
                frame.screening = screen(catalog, check, frame)
                size = sum([frame.sizes[one.position] for one in frame.screening.passed])
                check_limit("max_bytes", size, self._settings.max_frame_bytes)
        screened = [frame for frame in frames if frame.error is None]
        await self._consent.admit(catalog, screened, now_us)
        for frame in frames:
            with frame.failing_alone():
                frame.identities = [identify(app_id, event, shards) for event in frame.admitted]
                frame.dead_letters = _dead_letters(catalog, frame, now_us)
        return catalog

    def batches(
        self, catalog: Catalog, frames: Sequence[Frame], now_us: int, traceparent: str
    ) -> list[PreparedBatch]:
        """The second part of `prepare`: what is to be appended of frames that were decided."""
        frames = [frame for frame in frames if frame.error is None]
        parts = _parts(catalog, frames)
        rejected = [(frame, letter) for frame in frames for letter in frame.dead_letters]
        if rejected and not parts:
            parts[0, False] = ShardPart()
        batches = []
        for (shard, day_only), part in parts.items():
            batch_id, mark = self._new_batch_id(), b""
            if day_only:
                batch_id = day_batch_id(batch_id, now_us)
                mark = random_mark(batch_id)
            event_uuids, fingerprints, idempotency_uuids = part.joined_keys()
            append = Append(
                app_id=catalog.app_id,
                batch_id=batch_id,
                received_at_us=day_start_us(now_us) if day_only else now_us,
                events=[identity.event for _, identity in part.events],
                event_uuids=event_uuids,
                fingerprints=fingerprints,
                idempotency_uuids=idempotency_uuids,
                dead_letters=[letter for _, letter in rejected],
                traceparent=traceparent,
                dedupe_window_seconds=catalog.dedupe_window_seconds,
                mark=mark,
                day_only=day_only,
            )
            batches.append(PreparedBatch(shard, part, append, [frame for frame, _ in rejected]))
            # The first append takes the dead letters along.
            rejected = []
        return batches

    async def append(self, batches: Sequence[PreparedBatch]) -> None:
        """Appends what was prepared and sets the last verdicts; what is accepted is on disk on return. Raises
        Unavailable if the stream cannot be reached."""
        # All of them, also if one fails: what is sent again is found to be there.
        answers = await asyncio.gather(
            *(self._stream.append(batch.shard, batch.append) for batch in batches),
            return_exceptions=True,
        )
        if errors := [answer for answer in answers if isinstance(answer, BaseException)]:
            raise errors[0]
        for batch, answer in zip(batches, answers, strict=True):
            if isinstance(answer, Appended):
                _set_verdicts(batch, answer)
            else:
                self._set_retry(batch)

    def _set_retry(self, batch: PreparedBatch) -> None:
        """The backlog is full. Rejected events must come again too: their dead letters were not kept."""
        part = batch.part
        places = [(frame, event.position) for frame, event in (*part.events, *part.repeated)]
        places += [
            (frame, letter.position)
            for frame, letter in zip(batch.letter_frames, batch.append.dead_letters, strict=True)
        ]
        for frame, position in places:
            frame.outcome.verdicts[position] = Verdict.RETRY
            frame.outcome.retry_after_seconds = self._settings.retry_after_seconds


def _parts(catalog: Catalog, frames: Sequence[Frame]) -> dict[tuple[int, bool], ShardPart]:
    """The frames' events by shard, counts-only ones apart; of two with one id, the first. The other will be a
    duplicate, and is a conflict if its payload differs."""
    counts_only = catalog.counts_only_events
    parts: dict[tuple[int, bool], ShardPart] = {}
    seen: dict[bytes, Identity] = {}
    for frame in frames:
        for identity in frame.identities:
            first = seen.setdefault(identity.event_uuid, identity)
            key = first.shard, bool(counts_only) and first.event.name in counts_only
            if first is not identity:
                parts[key].repeated.append((frame, identity))
                frame.outcome.conflicts += first.fingerprint != identity.fingerprint
                continue
            if key not in parts:
                parts[key] = ShardPart()
            parts[key].events.append((frame, identity))
    return parts


def _set_verdicts(batch: PreparedBatch, appended: Appended) -> None:
    part = batch.part
    for frame, identity in (*(part.events[i] for i in appended.duplicates), *part.repeated):
        frame.outcome.verdicts[identity.position] = Verdict.DUPLICATE
    for index in appended.conflicts:
        frame, _ = part.events[index]
        frame.outcome.conflicts += 1
    for frame, letter in zip(batch.letter_frames, batch.append.dead_letters, strict=True):
        frame.outcome.rejections[letter.position] = letter


def check_limit(limit: str, value: int, maximum: int) -> None:
    """Raises LimitExceeded if the value of a frame is larger than the maximum."""
    if value > maximum:
        raise LimitExceeded(
            f"a batch has at most {maximum} {limit.removeprefix('max_')}",
            limit=limit,
            value=maximum,
        )


def _dead_letters(catalog: Catalog, frame: Frame, now_us: int) -> list[DeadLetter]:
    app_id = catalog.app_id
    return [
        DeadLetter(
            one.position,
            dead_letter_id(app_id, one),
            app_id,
            day_start_us(now_us) if has_day_only(catalog, one.event.name) else now_us,
            one.rejection,
            one.event,
            frame.outcome.letter_contents[one.position],
        )
        for one in frame.screening.rejected
        if frame.outcome.verdicts[one.position] is Verdict.REJECTED
    ]
