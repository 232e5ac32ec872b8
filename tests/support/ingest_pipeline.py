"""Ingest's pipeline on stand-ins."""

from collections.abc import Iterable
from typing import Any

from weir.common.v1 import event_pb2
from weir.ingest.v1 import ingest_service_pb2 as pb
from weir.streams.v1 import batch_pb2

from libs.catalog import Catalog, Catalogs, Snapshot
from libs.catalog.snapshot import SnapshotEntry
from services.ingest.intake import convert
from services.ingest.intake.anonymization import Anonymizer
from services.ingest.intake.consent_gate import ConsentGate
from services.ingest.intake.group_commit import GroupCommit
from services.ingest.intake.model import Append, Frame, Outcome
from services.ingest.intake.pipeline import IngestPipeline
from services.ingest.settings import IngestSettings
from tests.support import pseudonyms
from tests.support.chess_catalog import chess
from tests.support.clocks import FixedClock
from tests.support.consents import consent_text
from tests.support.ingest_fakes import BatchIds, MemoryConsentStates, MemoryRawStream

PSEUDONYMS = pseudonyms.PSEUDONYMS
ANN = PSEUDONYMS.pseudonym("chess", "ann")
NO_TELEMETRY = consent_text(1, telemetry=False)
COACHING = consent_text(1, coaching=True)


class Ingest:
    """A pipeline on stand-ins."""

    def __init__(
        self,
        states: dict[str, bytes] | None = None,
        *,
        catalog: Catalog | None = None,
        **settings: Any,
    ) -> None:
        catalog = catalog or chess()
        self.answers, self.stream = MemoryConsentStates(states, catalog.app_id), MemoryRawStream()
        self.catalogs = Catalogs(Snapshot("", 0, {"chess": SnapshotEntry(catalog)}))
        limits = IngestSettings(**settings)
        self.pipeline = IngestPipeline(
            self.catalogs,
            ConsentGate(self.answers, Anonymizer(PSEUDONYMS)),
            self.stream,
            FixedClock.of_us(),
            BatchIds(),
            limits,
        )
        self.group_commit = GroupCommit(self.pipeline, limits)

    async def take(self, *events: event_pb2.Event, app_id: str = "chess") -> Outcome:
        return await self.take_frame(
            pb.EventFrame(sequence=9, traceparent="x", events=events), app_id=app_id
        )

    async def take_frame(
        self, frame: pb.EventFrame | pb.TrackBatchRequest, *, app_id: str = "chess"
    ) -> Outcome:
        return await self.group_commit.submit(app_id, Frame(convert.events_of(frame)))

    def batches(self) -> list[batch_pb2.EventBatch]:
        return [batch for batch, _ in self._batches()]

    def stored(self) -> list[event_pb2.Event]:
        """The events that were appended, without those that were seen before."""
        return [
            event
            for batch, skipped in self._batches()
            for position, event in enumerate(batch.events)
            if position not in skipped
        ]

    def _batches(self) -> Iterable[tuple[batch_pb2.EventBatch, frozenset[int]]]:
        for (_, append), skipped in zip(self.stream.appends, self.stream.skipped, strict=True):
            if append.events:
                yield batch_pb2.EventBatch.FromString(convert.event_batch(append)), skipped

    def letters(self) -> list[batch_pb2.DeadLetter]:
        return [letter for _, append in self.stream.appends for letter in _dead_letters(append)]


def _dead_letters(append: Append) -> Iterable[batch_pb2.DeadLetter]:
    serialized = convert.dead_letter_batch(append.dead_letters)
    return batch_pb2.DeadLetterBatch.FromString(serialized).dead_letters


def serialized(append: Append) -> bytes:
    """All that is written to the streams."""
    return convert.event_batch(append) + convert.dead_letter_batch(append.dead_letters)
