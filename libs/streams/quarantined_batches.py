"""What is left of a quarantined batch without one person. Pure.

All functions return None for an entry that has nothing of the person, and raise DecodeError or KeyError for
one that holds no batch. An event whose properties cannot be searched is treated as such an entry is: ADR 56.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID, uuid4

from weir.common.v1.event_pb2 import Event
from weir.streams.v1 import batch_pb2

from libs.catalog import Catalog
from libs.common.clock import us_of
from libs.common.envelope_mentions import clean_envelope, clean_session
from libs.common.event_moments import oldest_us
from libs.common.exact_json import exact_dumps, exact_loads
from libs.common.mentions import (
    PersonIds,
    forms_of,
    in_json,
    is_long_id,
    properties_without_mentions,
    reveals_one,
)
from libs.common.subject_data import Erasure, SubjectRef
from libs.streams.compression import compress
from libs.streams.entries import Fields, enriched_batch, raw_batch

# Of an app and the id of an event that reveals the person: the id that takes its place.
NewId = Callable[[str, str], UUID]
UNREADABLE = "no reader can tell what they hold; they go when their time in quarantine is over"


@dataclass(frozen=True, slots=True)
class Remainder:
    """The fields of an entry without the person, None if nothing is left; how many events are gone, and how
    many of others do not name the person any more; and how many stay although they are the person's or may
    name the person, by the reason."""

    fields: Fields | None
    erased: int = 0
    anonymized: int = 0
    withheld: Mapping[str, int] = field(default_factory=dict)

    @property
    def is_changed(self) -> bool:
        """Whether something is gone."""
        return bool(self.erased or self.anonymized)


@dataclass(slots=True)
class _Cut:
    """The positions of the events that stay, and what was found of the person."""

    kept: list[int] = field(default_factory=list)
    anonymized: int = 0
    withheld: Counter[str] = field(default_factory=Counter)


def _at_random(app_id: str, event_id: str) -> UUID:
    return uuid4()


def raw_without(
    fields: Fields, erasure: Erasure, catalog: Catalog | None, new_id: NewId = _at_random
) -> Remainder | None:
    """Of an entry of a raw stream. It may be put back, so the `new_id` should be that of the same event if it
    has come again."""
    batch = raw_batch(fields)
    cut = _cut(batch, erasure, catalog, new_id)
    if cut is None:
        return None
    kept = cut.kept
    erased = _remove_others(batch, kept)
    skip = fields.get(b"skip", b"")
    skipped = [int(each) for each in skip.split(b",") if each.isdigit()]
    left = {
        **fields,
        **_batch_fields(batch),
        b"skip": ",".join(map(str, _moved(skipped, kept))).encode(),
    }
    return Remainder(left if kept else None, erased, cut.anonymized, cut.withheld)


def enriched_without(fields: Fields, erasure: Erasure, catalog: Catalog | None) -> Remainder | None:
    """Of an entry of an enriched stream, which is counted as a whole, or not at all: no id in it is compared
    with any other."""
    enriched, batch = enriched_batch(fields)
    cut = _cut(batch, erasure, catalog, _at_random)
    if cut is None:
        return None
    kept = cut.kept
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
    return Remainder(new if kept else None, erased, cut.anonymized, cut.withheld)


def _cut(
    batch: batch_pb2.EventBatch, erasure: Erasure, catalog: Catalog | None, new_id: NewId
) -> _Cut | None:
    """None if nothing was found of the person. Removes mentions from the events that stay."""
    subject = erasure.subject
    if batch.app_id != subject.app_id:
        return None
    fenced_us = us_of(erasure.fenced_at)
    searched = erasure.names is None and (catalog is None or catalog.may_hold_others)
    cut = _Cut()
    for position, event in enumerate(batch.events):
        if oldest_us(event, batch.received_at_us) > fenced_us:
            pass
        elif _is_own(event, subject):
            if erasure.names is None or event.name in erasure.names:
                if event.name not in erasure.withheld:
                    continue
                cut.withheld[erasure.withheld[event.name]] += 1
        elif searched:
            # Also of a name that a law keeps: what is kept is the other's event.
            named, is_readable = _remove_mentions(event, subject, catalog, new_id)
            cut.anonymized += named
            if not is_readable:
                cut.withheld[UNREADABLE] += 1
        cut.kept.append(position)
    is_found = len(cut.kept) < len(batch.events) or cut.anonymized or cut.withheld
    return cut if is_found else None


def stands_in(text: bytes, subject: SubjectRef) -> bool:
    """Whether an id of the person stands in what cannot be read, as it is, as JSON writes it, or encoded; a
    short one may by chance."""
    return any(
        written.encode() in text
        for each in filter(is_long_id, subject.ids)
        for form in forms_of(each)
        for written in in_json(form)
    )


def _is_own(event: Event, subject: SubjectRef) -> bool:
    if event.subject_id:
        return event.subject_id == subject.subject_id
    return event.anonymous_id in subject.persons


def _remove_mentions(
    event: Event, subject: SubjectRef, catalog: Catalog | None, new_id: NewId
) -> tuple[bool, bool]:
    """Whether an event of another person named the one who is erased, and whether all of it could be read.
    Properties that cannot go as a whole if an id stands in them."""
    before = Event()
    before.CopyFrom(event)
    people = PersonIds((subject.subject_id,))
    # As enrich's erasure cleans stored events: ADR 49, point 18.
    person_types = catalog.subject_entity_types if catalog else ()
    clean_envelope(event, people, lambda _: subject.persons[0], person_types=person_types)
    long = people.long_ones()
    clean_session(event, long, lambda _: subject.persons[0])
    if reveals_one(event.event_id, long):
        event.event_id = str(new_id(subject.app_id, event.event_id))
    named = event != before
    try:
        left = _properties_left(event, people, catalog)
    except Exception:
        # Any: what readers could not handle is here, and must not hold up the erasure.
        text = event.properties_json or event.properties.SerializeToString()
        if not stands_in(text, subject):
            return named, False
        left = b"{}"
    if left is not None:
        event.properties_json = left
    return named or left is not None, True


def _properties_left(event: Event, people: PersonIds, catalog: Catalog | None) -> bytes | None:
    """None if the properties do not name the person. Raises any error if they cannot be searched."""
    properties = exact_loads(event.properties_json or b"{}")
    if type(properties) is not dict or event.HasField("properties"):
        raise ValueError("the properties are no JSON object in a text")
    left = properties_without_mentions(properties, people, (), catalog.measures if catalog else ())
    return exact_dumps(left) if left != properties else None


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
