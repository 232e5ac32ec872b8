"""The SDK for game servers and Python back ends.

from libs.client import WeirClient, build_event

with WeirClient("127.0.0.1:50051", token=TOKEN) as weir:
    weir.track("unofficial_communities", build_event("world.zone.entered", subject_id="12345",
               properties={"zone_type": "workshop"}))
"""

from libs.client.client import WeirClient
from libs.client.errors import Problem, describe_error
from libs.client.events import build_event, event_from_envelope
from libs.client.sender import EventSender, GaveUpError
from libs.client.totals import VerdictTotals

__all__ = [
    "EventSender",
    "GaveUpError",
    "Problem",
    "VerdictTotals",
    "WeirClient",
    "build_event",
    "describe_error",
    "event_from_envelope",
]
