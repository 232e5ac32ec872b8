"""The id of a rejected event's dead letter."""

import uuid

from libs.common.ids import uuid5
from services.ingest.intake.model import RejectedEvent

DEAD_LETTER_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "dead-letter.weir").bytes


def dead_letter_id(app_id: str, rejected: RejectedEvent) -> bytes:
    """The id of a rejected event's dead letter, 16 bytes: the same one if the event comes again because an
    ack was lost. Made from what is kept of the event, so that it reveals nothing else."""
    _, event, rejection = rejected
    parts = (app_id.encode(), rejection.reason.encode(), rejection.field.encode())
    kept = event.SerializeToString(deterministic=True)
    return uuid5(DEAD_LETTER_NAMESPACE, b"\x00".join((*parts, kept)))
