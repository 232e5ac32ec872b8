"""A batch's way through the steps: from an event to its row, and to what aggregate is told about it."""

from collections.abc import Callable, Mapping
from typing import Any

from services.enrich.model import ContextEnrichment, FailedEvent, Session, WorkBatch
from services.enrich.steps.session import Sighting
from services.enrich.storage.rows import event_row


class Enricher:
    """Runs the steps over batches. An event that makes a step raise is set aside as poison, and its
    neighbours go on."""

    def __init__(
        self,
        read_context: Callable[[bytes], ContextEnrichment],
        attribution: Callable[[Any], bytes],
    ) -> None:
        self._read_context = read_context
        self._attribution = attribution

    def prepare(self, batch: WorkBatch) -> list[Sighting]:
        """Reads the contexts; returns the sightings of sessions, which are looked up before `enrich`."""
        read_context = self._read_context
        batch.rows = [None] * len(batch.events)
        batch.findings = [None] * len(batch.events)
        sightings = []
        for position, event in enumerate(batch.events):
            try:
                facts = read_context(event.context.SerializeToString())
                timestamp = event.occurred_at
                occurred_at_us = timestamp.seconds * 1_000_000 + timestamp.nanos // 1_000
                session_id = event.session_id
            except Exception as error:
                _mark_failed(batch, position, error)
                continue
            if session_id:
                sightings.append((session_id, occurred_at_us, facts.landing_page, facts.referrer))
            batch.prepared.append((position, event, occurred_at_us, session_id, facts))
        return sightings

    def enrich(self, batch: WorkBatch, sessions: Mapping[str, Session]) -> None:
        """Fills in the rows and findings of a prepared batch, and its poison."""
        rows, findings = batch.rows, batch.findings
        app_id, received_at_us, attribution = batch.app_id, batch.received_at_us, self._attribution
        for position, event, occurred_at_us, session_id, facts in batch.prepared:
            try:
                rows[position] = event_row(
                    event,
                    app_id,
                    occurred_at_us,
                    received_at_us,
                    session_id,
                    sessions[session_id].started_at_us if session_id else None,
                    facts,
                    attribution,
                )
                findings[position] = facts.finding
            except Exception as error:
                _mark_failed(batch, position, error)


def _mark_failed(batch: WorkBatch, position: int, error: Exception) -> None:
    # The error's message may hold personal data, its type cannot.
    batch.failed.append(FailedEvent(position, f"{type(error).__name__} while enriching"))
    batch.skipped.add(position)
