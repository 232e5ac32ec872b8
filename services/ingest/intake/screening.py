"""Screens a batch: which of its events may enter, before consent is asked about."""

from collections.abc import Sequence

from weir.common.v1.event_pb2 import Event

from libs.catalog import Catalog
from services.ingest.intake.completion import complete
from services.ingest.intake.event_check import EventCheck
from services.ingest.intake.model import Candidate, RejectedEvent, Rejection, Screening


def screen(catalog: Catalog, events: Sequence[Event], now_us: int) -> Screening:
    """Checks the events of a batch that arrived at `now_us`, and completes those that pass."""
    result = Screening()
    check = EventCheck(catalog, now_us).check
    sizes = map(Event.ByteSize, events)
    for position, (event, size) in enumerate(zip(events, sizes, strict=True)):
        if event.HasField("consent_given") and _is_withheld(catalog, event):
            result.withheld.append(position)
            continue
        found = check(position, event, size)
        if type(found) is Candidate:
            complete(catalog, found)
            result.passed.append(found)
        elif type(found) is Rejection:
            result.rejected.append(RejectedEvent(position, event, found))
        else:
            result.sampled.append(position)
    return result


def _is_withheld(catalog: Catalog, event: Event) -> bool:
    """Whether the sender says that there is no consent to an event that asks for it, or may ask: what
    an unknown event asks for is unknown."""
    if event.consent_given:
        return False
    event_type = catalog.events.get(event.name)
    return event_type is None or event_type.purpose is not None
