"""Reads from each message, in one go, what the rollups of its event need."""

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any

from services.aggregate.model import StoredBatch
from services.aggregate.plan import AppPlan, CatalogBehindError, EventPlan

Row = tuple[Any, ...]


class EventRows:
    """What was read from the events of one name: a tuple each, in the order of the plan's paths.

    A message's Python wrapper costs more than what it wraps, so each is made once and dropped at once.
    """

    def __init__(self, name: str, plan: EventPlan) -> None:
        self.name = name
        self.plan = plan
        self.rows: list[Row] = []
        self.enriched: list[Row] = []
        # When each was received, in microseconds since the epoch; None if nothing needs it.
        self.received: list[int] | None = [] if plan.gauges else None
        self.read = _reader(plan.event_paths)
        self.read_enrichment = _reader(plan.enrichment_paths) if plan.enrichment_paths else None


def read_rows(plan: AppPlan, batches: Sequence[StoredBatch]) -> list[EventRows]:
    """The events of one app, without skipped ones, by name. Raises CatalogBehindError."""
    by_name: dict[str, EventRows] = {}
    for batch in batches:
        skipped, enrichment_of_event = batch.skipped, batch.enrichment_of_event
        received_at_us = batch.received_at_us
        # What each reader read from the batch's enrichments, which many events share.
        findings: dict[str, list[Row]] = {}
        for position, event in enumerate(batch.events):
            if position in skipped:
                continue
            name = event.name
            try:
                found = by_name[name]
            except KeyError:
                found = by_name[name] = EventRows(name, _event_plan(plan, name))
            found.rows.append(found.read(event))
            if found.received is not None:
                found.received.append(received_at_us)
            if found.read_enrichment is not None:
                if name not in findings:
                    findings[name] = list(map(found.read_enrichment, batch.enrichments))
                found.enriched.append(findings[name][enrichment_of_event[position]])
    return list(by_name.values())


def _event_plan(plan: AppPlan, name: str) -> EventPlan:
    try:
        return plan.by_event[name]
    except KeyError:
        raise CatalogBehindError(
            f"the catalog of {plan.app_id} declares no event {name}: is it older than ingest's?"
        ) from None


def _reader(paths: tuple[str, ...]) -> Callable[[Any], Row]:
    # With a single path attrgetter would give the bare value, so that one is read twice.
    return attrgetter(*paths) if len(paths) > 1 else attrgetter(*paths, *paths)
