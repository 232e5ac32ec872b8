"""What is left of a quarantined batch without one person. Pure.

All functions return None for an entry that has nothing of the person, and raise DecodeError or KeyError for
one that holds no batch.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from weir.common.v1.event_pb2 import Event
from weir.streams.v1 import batch_pb2

from libs.catalog import Catalog
from libs.common.exact_json import exact_dumps, exact_loads
from libs.common.mentions import PersonIds, properties_without_mentions
from libs.common.subject_data import Erasure
from libs.streams.compression import compress
from libs.streams.entries import Fields, enriched_batch, raw_batch


@dataclass(frozen=True, slots=True)
class Remainder:
    """The fields of an entry without the person, None if nothing is left; how many events are gone, and how
    many of others do not name the person any more."""

    fields: Fields | None
    erased: int
    anonymized: int = 0


def raw_without(fields: Fields, erasure: Erasure, catalog: Catalog | None) -> Remainder | None:
    """Of an entry of a raw stream."""
    batch = raw_batch(fields)
    cut = _cut(batch, erasure, catalog)
    if cut is None:
        return None
    kept, anonymized = cut
    erased = _remove_others(batch, kept)
    skip = fields.get(b"skip", b"")
    skipped = [int(each) for each in skip.split(b",") if each.isdigit()]
    left = {
        **fields,
        **_batch_fields(batch),
        b"skip": ",".join(map(str, _moved(skipped, kept))).encode(),
    }
    return Remainder(left if kept else None, erased, anonymized)


def enriched_without(fields: Fields, erasure: Erasure, catalog: Catalog | None) -> Remainder | None:
    """Of an entry of an enriched stream."""
    enriched, batch = enriched_batch(fields)
    cut = _cut(batch, erasure, catalog)
    if cut is None:
        return None
    kept, anonymized = cut
    erased = _remove_others(batch, kept)
    of_batch = _batch_fields(batch)
    found = enriched.enrichment_of_event
    left = batch_pb2.EnrichedBatch(
        event_batch=of_batch[b"batch"],
        skipped=_moved(enriched.skipped, kept),
        enrichments=enriched.enrichments,
        enrichment_of_event=[found[position] for position in kept if position < len(found)],
    )
    new = {**fields, **of_batch, b"batch": left.SerializeToString()}
    return Remainder(new if kept else None, erased, anonymized)


def _cut(
    batch: batch_pb2.EventBatch, erasure: Erasure, catalog: Catalog | None
) -> tuple[Sequence[int], int] | None:
    """The positions of the events that stay, and how many of these were changed; None if all stay as they
    are."""
    subject = erasure.subject
    if batch.app_id != subject.app_id:
        return None
    fenced_us = erasure.fenced_at.timestamp() * 1_000_000
    searched = erasure.names is None and (catalog is None or catalog.names_others)
    kept, anonymized = [], 0
    for position, event in enumerate(batch.events):
        own = (
            event.subject_id == subject.subject_id
            if event.subject_id
            else event.anonymous_id in subject.persons
        )
        if min(_occurred_us(event), batch.received_at_us) > fenced_us:
            pass
        elif own:
            chosen = erasure.names is None or event.name in erasure.names
            if chosen and event.name not in erasure.withheld:
                continue
        elif searched and event.name not in erasure.withheld:
            anonymized += _remove_mentions(event, erasure, catalog)
        kept.append(position)
    return None if len(kept) == len(batch.events) and not anonymized else (kept, anonymized)


def _remove_mentions(event: Event, erasure: Erasure, catalog: Catalog | None) -> bool:
    """Whether an event of another person named the one who is erased."""
    subject = erasure.subject
    changed = False
    try:
        properties = exact_loads(event.properties_json or b"{}")
    except ValueError:
        # What no one can read cannot be counted either.
        properties = {}
    left = properties_without_mentions(
        properties, PersonIds((subject.subject_id,)), (), catalog.measures if catalog else ()
    )
    if left != properties:
        event.properties_json = exact_dumps(left)
        changed = True
    types = catalog.subject_entity_types if catalog else ()
    if event.entity.type in types and event.entity.id == subject.subject_id:
        event.entity.id = subject.persons[0]
        changed = True
    return changed


def _remove_others(batch: batch_pb2.EventBatch, kept: Sequence[int]) -> int:
    """Leaves the events at these positions; how many are gone."""
    before = len(batch.events)
    events = [batch.events[position] for position in kept]
    left = batch_pb2.EventBatch(events=events).events
    del batch.events[:]
    batch.events.extend(left)
    return before - len(kept)


def _moved(positions: Sequence[int], kept: Sequence[int]) -> list[int]:
    """Where the events at the positions are now, of those that stay."""
    place = {position: number for number, position in enumerate(kept)}
    return sorted(place[position] for position in positions if position in place)


def _batch_fields(batch: batch_pb2.EventBatch) -> dict[bytes, bytes]:
    payload = batch.SerializeToString()
    return {b"batch": compress(payload), b"size": str(len(payload)).encode()}


def _occurred_us(event: Event) -> int:
    return event.occurred_at.seconds * 1_000_000 + event.occurred_at.nanos // 1_000
