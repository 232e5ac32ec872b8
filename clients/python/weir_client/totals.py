"""How many events got which verdict."""

from dataclasses import asdict, dataclass

from weir.ingest.v1 import ingest_service_pb2 as pb


@dataclass
class VerdictTotals:
    """Counts of final verdicts; `failed` are events in frames that were refused as a whole."""

    accepted: int = 0
    anonymized: int = 0
    duplicate: int = 0
    rejected: int = 0
    dropped: int = 0
    sampled: int = 0
    failed: int = 0

    def add(self, counts: pb.VerdictCounts) -> None:
        """Adds the verdicts of a frame; those to be retried are not final and not counted."""
        self.accepted += counts.accepted
        self.anonymized += counts.anonymized
        self.duplicate += counts.duplicate
        self.rejected += counts.rejected
        self.dropped += counts.dropped
        self.sampled += counts.sampled

    @property
    def sent(self) -> int:
        """All events that have a verdict."""
        return sum(asdict(self).values())

    @property
    def taken(self) -> int:
        """The events that will be stored."""
        return self.accepted + self.anonymized
