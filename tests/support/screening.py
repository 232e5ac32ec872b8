"""Screening of single frames."""

from weir.common.v1.event_pb2 import Event

from libs.catalog import Catalog
from services.ingest.intake.event_check import EventCheck
from services.ingest.intake.model import Frame
from services.ingest.intake.screening import screen


def screened_frame(catalog: Catalog, now_us: int, *events: Event) -> Frame:
    """A frame of these events after screening."""
    frame = Frame(events)
    frame.screening = screen(catalog, EventCheck(catalog, now_us), frame)
    return frame
