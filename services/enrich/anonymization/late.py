"""Events that arrive when they are due already, or later: they are never stored with their person."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from weir.common.v1.event_pb2 import Attribution

from libs.catalog import Catalog, Catalogs
from libs.common.clock import DAY_US, EPOCH, Clock, moment_of
from libs.common.exact_json import exact_loads
from libs.common.pseudonym import Pseudonymizer
from services.enrich.anonymization.anonymize import PersonalFields, anonymized
from services.enrich.anonymization.due import Due, due_by_name, leaving_in
from services.enrich.json_text import json_text
from services.enrich.model import EnrichedEvent, Event, WorkBatch
from services.enrich.steps.context_enrichment import columns, plain_context

_MICROSECOND = 1e-6


@dataclass(frozen=True, slots=True)
class _Today:
    """What is due on a day, in days since the epoch, by a catalog: by names of events, and until when."""

    catalog: Catalog
    day: int
    by_name: Mapping[str, Due]
    before_us: Mapping[str, int]
    # What leaves for the archive earlier, by name and retention class.
    leaving: Mapping[tuple[str, str], Due]
    # Of all of them; 0 if none is anonymized.
    latest_us: int

    def due_of(self, event: EnrichedEvent) -> Due | None:
        """What is due of an event; None if nothing is."""
        name, occurred_at_us = event.event.name, event.occurred_at_us
        if occurred_at_us < self.before_us.get(name, 0):
            return self.by_name[name]
        due = self.leaving.get((name, event.retention_class))
        return due if due is not None and occurred_at_us < _microseconds(due) else None


class LateAnonymizer:
    """Anonymizes what of a batch is due, before its rows are made. What is handed on to aggregate is not
    changed: it counts people by the same pseudonyms."""

    def __init__(self, catalogs: Catalogs, pseudonymizer: Pseudonymizer, clock: Clock) -> None:
        self._catalogs = catalogs
        self._pseudonymizer = pseudonymizer
        self._clock = clock
        self._known: dict[str, _Today] = {}

    def anonymize(self, batch: WorkBatch) -> int:
        """Replaces the events that are due; how many. One whose properties cannot be read fails: it could not
        be stored either."""
        catalog = self._catalogs.current.catalogs.get(batch.app_id)
        if catalog is None:
            return 0
        today = self._today(catalog)
        latest_us = today.latest_us
        if not latest_us:
            return 0
        replaced = 0
        for position, event in enumerate(batch.enriched):
            if event is None or event.occurred_at_us >= latest_us:
                continue
            if (due := today.due_of(event)) is None:
                continue
            try:
                batch.enriched[position] = self._anonymized(due, event)
                replaced += 1
            except ValueError as error:
                batch.enriched[position] = None
                batch.fail(position, f"{type(error).__name__} while anonymizing")
        return replaced

    def _today(self, catalog: Catalog) -> "_Today":
        """What is due, worked out once a day for a catalog."""
        day = self._clock.now_us() // DAY_US
        known = self._known.get(catalog.app_id)
        if known is None or known.catalog is not catalog or known.day != day:
            by_name = due_by_name(catalog, moment_of(day * DAY_US))
            before_us = {name: _microseconds(due) for name, due in by_name.items()}
            # What arrives now has the class of its privacy level already.
            leaving = {
                (due.name, retention_class): due
                for due in leaving_in(catalog, moment_of(day * DAY_US))
                for retention_class in due.classes or ()
                if due.level is None
            }
            latest_us = max((*before_us.values(), *map(_microseconds, leaving.values())), default=0)
            known = self._known[catalog.app_id] = _Today(
                catalog, day, by_name, before_us, leaving, latest_us
            )
        return known

    def _anonymized(self, due: Due, enriched: EnrichedEvent) -> EnrichedEvent:
        event = enriched.event
        found = anonymized(self._pseudonymizer, due, _fields(enriched))
        changed = Event()
        changed.CopyFrom(event)
        changed.subject_id = ""
        changed.anonymous_id = found.anonymous_id or ""
        changed.group_id = found.group_id or ""
        changed.request_id = found.request_id or ""
        if event.HasField("entity"):
            changed.entity.type = found.entity_type or ""
            changed.entity.id = found.entity_id or ""
        if event.HasField("attribution"):
            changed.attribution.CopyFrom(Attribution(**(found.attribution or {})))
        changed.properties_json = json_text(found.properties)
        if found.event_id is None:
            changed.event_id = str(found.event_uuid)
        context = enriched.context
        plain = json_text(found.context) if found.context else None
        return replace(
            enriched,
            event=changed,
            event_uuid=found.event_uuid.bytes,
            is_uuid=found.event_id is None,
            session_id=found.session_id or "",
            context=replace(context, columns=columns(plain, context.enrichment.values)),
        )


def _fields(enriched: EnrichedEvent) -> PersonalFields:
    event = enriched.event
    attribution: dict[str, Any] = {
        field.name: value for field, value in event.attribution.ListFields()
    }
    return PersonalFields(
        event_uuid=uuid.UUID(bytes=enriched.event_uuid),
        event_id=None if enriched.is_uuid else event.event_id,
        subject_id=event.subject_id,
        anonymous_id=event.anonymous_id,
        person=None,
        session_id=enriched.session_id,
        group_id=event.group_id,
        entity_type=event.entity.type,
        entity_id=event.entity.id,
        request_id=event.request_id,
        context=plain_context(event.context),
        attribution=attribution,
        properties=exact_loads(event.properties_json),
    )


def _microseconds(due: Due) -> int:
    return round((due.before - EPOCH).total_seconds() / _MICROSECOND)
