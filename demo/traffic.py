"""The day goes over the wire: consents first, then five streams at once, and every answer is kept."""

from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack

import grpc
from weir.common.v1 import event_pb2
from weir.ingest.v1 import ingest_service_pb2 as ingest_pb
from weir.privacy.v1 import privacy_service_pb2 as privacy_pb
from weir.privacy.v1 import privacy_service_pb2_grpc as privacy_grpc

from demo.model import Choice, Day, DemoEvent, ExpectedVerdict
from libs.rpc.channels import Calls, open_channel
from suite.home import Addresses
from weir_client import Client, EventSender, event_from_envelope, final_verdicts

_FRAME_EVENTS = 200
_CALLS_AT_ONCE = 32
# A suite that does not answer for so long is broken. Waiting longer is of no use: a day with missing answers
# cannot be checked.
_GIVE_UP_SECONDS = 20.0


class TrafficAnswers:
    """Each event of one app with its answer, as the acks come in."""

    def __init__(self) -> None:
        self.answered: list[tuple[DemoEvent, ExpectedVerdict]] = []
        # Resent events share an id, and so do some bad ones; answers come in the order of sending.
        self._waiting: defaultdict[str, deque[DemoEvent]] = defaultdict(deque)

    def sent(self, event: DemoEvent) -> None:
        """Notes an event before it is sent."""
        self._waiting[event.event_id].append(event)

    def acked(self, events: Sequence[event_pb2.Event], ack: ingest_pb.FrameAck) -> None:
        """Takes the answer to a frame; what is to be sent again keeps waiting."""
        for final in final_verdicts(events, ack):
            event = self._waiting[final.event.event_id].popleft()
            # An event of a frame that was refused as a whole has no answer.
            if final.verdict != ingest_pb.VERDICT_UNSPECIFIED:
                name = ingest_pb.Verdict.Name(final.verdict).removeprefix("VERDICT_").lower()
                self.answered.append((event, ExpectedVerdict(name)))


def record_choices(addresses: Addresses, choices: Sequence[Choice]) -> None:
    """Records what people decided, some calls at once. Raises grpc.RpcError."""
    with open_channel(addresses.services["privacy"]) as channel:
        privacy = Calls(
            privacy_grpc.PrivacyServiceStub(channel), addresses.token, wait_for_ready=True
        )
        calls: deque[grpc.Future] = deque()
        for choice in choices:
            if len(calls) >= _CALLS_AT_ONCE:
                calls.popleft().result()
            request = privacy_pb.RecordConsentRequest(
                app_id=choice.app_id,
                subject_id=choice.subject_id,
                choices=[privacy_pb.ConsentChoice(purpose=choice.purpose, granted=choice.granted)]
                if choice.purpose
                else [],
                age_band=choice.age_band,
                actor=choice.subject_id,
                method="settings_page",
                notice_version="2026-01",
            )
            calls.append(privacy.RecordConsent.future(request))
        for call in calls:
            call.result()


def stream_day(
    addresses: Addresses, day: Day, on_progress: Callable[[int], None]
) -> list[tuple[DemoEvent, ExpectedVerdict]]:
    """Streams every event and returns each with its verdict. Raises GaveUpError.

    `on_progress` hears how many events are sent so far, about a hundred times.
    """
    answers: defaultdict[str, TrafficAnswers] = defaultdict(TrafficAnswers)
    senders: dict[str, EventSender] = {}
    step = max(1, len(day.events) // 100)
    with ExitStack() as stack:
        client = stack.enter_context(Client(addresses.services["ingest"], token=addresses.token))
        for number, event in enumerate(day.events, start=1):
            of_app = answers[event.app_id]
            if event.app_id not in senders:
                sender = client.stream(
                    event.app_id,
                    frame_events=_FRAME_EVENTS,
                    give_up_seconds=_GIVE_UP_SECONDS,
                    on_ack=of_app.acked,
                )
                senders[event.app_id] = stack.enter_context(sender)
            of_app.sent(event)
            message = event_from_envelope(event.envelope(), event_id=event.event_id)
            # An id that was left out must stay out: the helper gives every event one.
            message.event_id = event.event_id
            senders[event.app_id].send(message)
            if number % step == 0:
                on_progress(number)
    return [answer for of_app in answers.values() for answer in of_app.answered]
