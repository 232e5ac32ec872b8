"""Screens a frame: which of its events may enter, before consent is asked about."""

from weir.common.v1.event_pb2 import Event

from libs.catalog import Catalog
from services.ingest.intake.completion import complete
from services.ingest.intake.declared_context import keep_context
from services.ingest.intake.event_check import EventCheck
from services.ingest.intake.model import (
    Candidate,
    DropReason,
    Frame,
    RejectedEvent,
    Rejection,
    Screening,
    Verdict,
)
from services.ingest.intake.personal_data_check import check_personal_data


def screen(catalog: Catalog, check: EventCheck, frame: Frame) -> Screening:
    """Checks the events of a frame, completes those that pass, and gives verdicts to those that go no further
    and leave nothing."""
    result = Screening()
    outcome = frame.outcome
    for position, (event, size) in enumerate(zip(frame.events, frame.sizes, strict=True)):
        if event.HasField("consent_given") and _is_withheld(catalog, event):
            outcome.drop(position, DropReason.SENDER)
            continue
        found = check.check(position, event, size)
        if type(found) is Candidate:
            kept_context = found.event_type.context
            if kept_context is not None:
                keep_context(event, kept_context)
            action = found.event_type.personal_data
            if action is not None:
                found = check_personal_data(catalog, action, found, outcome)
        if type(found) is Candidate:
            complete(catalog, found)
            result.passed.append(found)
        elif type(found) is Rejection:
            result.rejected.append(RejectedEvent(position, event, found))
        else:
            outcome.verdicts[position] = Verdict.SAMPLED
    return result


def _is_withheld(catalog: Catalog, event: Event) -> bool:
    """Whether the sender says that there is no consent to an event that asks for it, or may ask: what
    an unknown event asks for is unknown."""
    if event.consent_given:
        return False
    event_type = catalog.events.get(event.name)
    return event_type is None or event_type.purpose is not None
