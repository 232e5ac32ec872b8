"""Sends events to Weir, from game servers and Python back ends.

from weir_client import Client, build_event

with Client("127.0.0.1:50051", token=TOKEN) as weir:
    weir.track("unofficial_communities", build_event("world.zone.entered", subject_id="12345",
               properties={"zone_type": "workshop"}))
"""

from weir_client.client import Client
from weir_client.errors import CallProblem, describe_error, describe_status
from weir_client.events import build_event, event_from_envelope
from weir_client.sender import EventSender, GaveUpError, OnAck
from weir_client.totals import VerdictTotals
from weir_client.verdicts import FinalVerdict, final_verdicts

__all__ = [
    "CallProblem",
    "Client",
    "EventSender",
    "FinalVerdict",
    "GaveUpError",
    "OnAck",
    "VerdictTotals",
    "build_event",
    "describe_error",
    "describe_status",
    "event_from_envelope",
    "final_verdicts",
]
