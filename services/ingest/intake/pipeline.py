"""A batch's way through ingest: screen, ask for consent, anonymize, append; a verdict for each event."""

from collections.abc import Callable, Sequence

from weir.common.v1.event_pb2 import Event

from libs.catalog import Catalog, Catalogs
from libs.common.apps import catalog_of
from libs.common.clock import Clock
from libs.common.errors import InvalidArgument, LimitExceeded
from libs.common.ids import event_uuid
from libs.common.sharding import event_shard_key, shard_of
from services.ingest.dead_letters.ids import dead_letter_id
from services.ingest.intake.consent_gate import ConsentGate
from services.ingest.intake.duplicate_keys import ShardPart, fingerprint
from services.ingest.intake.model import (
    Append,
    Candidate,
    DeadLetter,
    DropReason,
    Outcome,
    RejectedEvent,
    Verdict,
)
from services.ingest.intake.ports import RawStream
from services.ingest.intake.screening import screen
from services.ingest.settings import IngestSettings


class IngestPipeline:
    """Takes batches of one app each. Safe to use from many streams at once."""

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

    def catalog(self, app_id: str) -> Catalog:
        """The app's catalog of now. Raises AppUnknown."""
        return catalog_of(self._catalogs.current, app_id)

    async def take(self, app_id: str, events: Sequence[Event], traceparent: str = "") -> Outcome:
        """Gives each event its verdict; what is accepted is on disk on return.

        The events are changed in place: afterwards they are as they were stored. Raises AppUnknown,
        InvalidArgument for an empty batch, LimitExceeded for one that is too large,
        and Unavailable if consent or the stream cannot be reached: then the producer may send the batch
        again.
        """
        # The one that holds for this batch to its end, whatever is loaded meanwhile.
        catalog = self.catalog(app_id)
        if not events:
            raise InvalidArgument("a batch has at least one event", field="events")
        self._check_limit("max_events", len(events), self._settings.max_events_per_frame)
        now_us = self._clock.now_us()
        outcome = Outcome([Verdict.ACCEPTED] * len(events))
        screening = screen(catalog, events, now_us)
        for position in screening.sampled:
            outcome.verdicts[position] = Verdict.SAMPLED
        for position in screening.withheld:
            outcome.drop(position, DropReason.SENDER)
        admitted = await self._consent.admit(catalog, screening, outcome)
        # As it was sent: what is stored differs by a few bytes an event.
        size = sum([candidate.size_bytes for candidate in admitted])
        self._check_limit("max_bytes", size, self._settings.max_frame_bytes)
        parts = self._parts(app_id, admitted, outcome)
        letters = _dead_letters(app_id, screening.rejected, outcome, now_us)
        if letters and not parts:
            parts[0] = ShardPart()
        for shard, part in parts.items():
            append = Append(
                app_id=app_id,
                batch_id=self._new_batch_id(),
                received_at_us=now_us,
                events=[events[position] for position in part.positions],
                event_uuids=bytes(part.event_uuids),
                fingerprints=bytes(part.fingerprints),
                idempotency_uuids=bytes(part.idempotency_uuids) if part.has_keys else b"",
                dead_letters=letters,
                traceparent=traceparent,
                dedupe_window_seconds=catalog.dedupe_window_seconds,
            )
            await self._append(shard, part, append, outcome)
            # The first shard's append takes the dead letters along.
            letters = []
        return outcome

    def _parts(
        self, app_id: str, admitted: Sequence[Candidate], outcome: Outcome
    ) -> dict[int, ShardPart]:
        """The admitted events by shard; of two with one id in the same batch, the first. The other is a
        duplicate, and a conflict if its payload differs."""
        shards = self._settings.shards
        parts: dict[int, ShardPart] = {}
        seen: dict[bytes, Candidate] = {}
        for candidate in admitted:
            # Of an id that revealed a person, this is the replacement: no hash of the id is kept.
            uuid, _ = event_uuid(candidate.event_id)
            first = seen.setdefault(uuid, candidate)
            if first is not candidate:
                outcome.verdicts[candidate.position] = Verdict.DUPLICATE
                outcome.conflicts += fingerprint(first) != fingerprint(candidate)
                continue
            shard = 0
            if shards > 1:
                key = event_shard_key(candidate.event, candidate.event_id)
                shard = shard_of(app_id, key, shards)
            part = parts.get(shard)
            if part is None:
                part = parts[shard] = ShardPart()
            part.add(candidate, uuid)
        return parts

    async def _append(self, shard: int, part: ShardPart, append: Append, outcome: Outcome) -> None:
        appended = await self._stream.append(shard, append)
        if appended is None:
            # Rejected events too: their dead letters were not kept, so they must come again.
            outcome.retry_after_seconds = self._settings.retry_after_seconds
            for position in (*part.positions, *(letter.position for letter in append.dead_letters)):
                outcome.verdicts[position] = Verdict.RETRY
            return
        for index in appended.duplicates:
            outcome.verdicts[part.positions[index]] = Verdict.DUPLICATE
        outcome.conflicts += appended.conflicts
        for letter in append.dead_letters:
            outcome.rejections[letter.position] = letter

    def _check_limit(self, limit: str, value: int, maximum: int) -> None:
        if value > maximum:
            raise LimitExceeded(
                f"a batch has at most {maximum} {limit.removeprefix('max_')}",
                limit=limit,
                value=maximum,
            )


def _dead_letters(
    app_id: str, rejected: Sequence[RejectedEvent], outcome: Outcome, now_us: int
) -> list[DeadLetter]:
    return [
        DeadLetter(
            one.position, dead_letter_id(app_id, one), app_id, now_us, one.rejection, one.event
        )
        for one in rejected
        if outcome.verdicts[one.position] is Verdict.REJECTED
    ]
