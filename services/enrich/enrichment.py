"""A batch's way through the steps: from an event to its row, and to what aggregate is told about it."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from libs.catalog import Catalog
from services.enrich.context_facts import EMPTY
from services.enrich.model import ContextFacts, Poison, Session, WorkBatch
from services.enrich.rows import event_row
from services.enrich.steps.session import Sighting, fold_sessions


class Enricher:
    """Runs the steps over batches. An event that makes a step raise is set aside as poison, and its
    neighbours go on."""

    def __init__(
        self,
        catalogs: Mapping[str, Catalog],
        read_context: Callable[[bytes], ContextFacts],
        attribution_json: Callable[[Any], bytes],
        enrichment: Callable[[ContextFacts, int], Any],
    ) -> None:
        self._catalogs = catalogs
        self._read_context = read_context
        self._attribution_json = attribution_json
        # Enrichments repeat as contexts do.
        self._enrichment = lru_cache(maxsize=100_000)(enrichment)

    def sightings(self, batch: WorkBatch) -> list[Sighting]:
        """The sessions that the batch's events belong to, for looking them up before `enrich`."""
        found = []
        for event in batch.events:
            if session_id := event.session_id:
                context = event.context
                found.append((session_id, _micros(event), context.page_url, context.referrer))
        return found

    def fold(
        self, known: Mapping[str, Session | None], sightings: Sequence[Sighting]
    ) -> dict[str, Session]:
        """The sessions after these sightings."""
        return fold_sessions(known, sightings)

    def enrich(self, batch: WorkBatch, sessions: Mapping[str, Session]) -> None:
        """Fills in the batch's rows and enrichments, and its poison."""
        catalog = self._catalogs.get(batch.app_id)
        event_types = catalog.events if catalog else {}
        read_context, attribution, app_id = self._read_context, self._attribution_json, batch.app_id
        received_at_us = batch.received_at_us
        for position, event in enumerate(batch.events):
            try:
                facts = read_context(event.context.SerializeToString())
                session_id = event.session_id
                started = sessions[session_id].started_at_us if session_id else None
                row = event_row(
                    event,
                    event_types[event.name],
                    app_id,
                    _micros(event),
                    received_at_us,
                    started,
                    facts,
                    attribution,
                )
                enrichment = self._enrichment(facts, started or 0)
            except Exception as error:
                # The message may hold personal data, the type cannot.
                batch.poison.append(Poison(position, f"{type(error).__name__} while enriching"))
                batch.skipped.add(position)
                batch.rows.append(None)
                batch.enrichments.append(self._enrichment(EMPTY, 0))
                continue
            batch.rows.append(row)
            batch.enrichments.append(enrichment)


def _micros(event: Any) -> int:
    timestamp = event.occurred_at
    return int(timestamp.seconds * 1_000_000 + timestamp.nanos // 1_000)
