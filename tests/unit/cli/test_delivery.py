"""The rows of a file over one stream: which of them are problems, and what the report says of them."""

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from google.rpc import code_pb2, error_details_pb2, status_pb2
from weir.common.v1 import event_pb2
from weir.ingest.v1 import ingest_service_pb2 as pb

from cli.delivery import Delivery
from cli.event_files import Row, open_events
from cli.report import RowProblem
from libs.catalog import EnvelopeError, load_catalogs
from tests.support.repository import REPOSITORY
from weir_client import OnAck, VerdictTotals


class Sender:
    """Stands for a stream whose server answers all events in one frame, at its end."""

    def __init__(self, on_ack: OnAck, ack: pb.FrameAck) -> None:
        self.totals = VerdictTotals()
        self.sent: list[event_pb2.Event] = []
        self._on_ack = on_ack
        self._ack = ack

    def send(self, event: event_pb2.Event) -> None:
        self.sent.append(event)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._on_ack(self.sent, self._ack)


class SomeClient:
    """Opens such a stream."""

    def __init__(self, ack: pb.FrameAck | None = None) -> None:
        self._ack = ack or pb.FrameAck()
        self.sender: Sender

    def stream(self, app_id: str, *, on_ack: OnAck) -> Sender:
        self.sender = Sender(on_ack, self._ack)
        return self.sender


def _deliver(client: Any, tmp_path: Path, rows: Sequence[Row], event_of: Any) -> Delivery:
    (tmp_path / "log").touch()
    catalog = load_catalogs(REPOSITORY / "catalogs")["gamelaunch"]
    with (
        open_events(str(tmp_path / "log")) as file,
        Delivery(client, catalog, file, "log") as delivery,
    ):
        delivery.send_all(rows, event_of)
    return delivery


def test_a_row_that_cannot_be_sent_is_a_problem_and_the_next_one_is_sent(tmp_path: Path) -> None:
    errors = {
        1: EnvelopeError("when", "must be a text"),
        2: ValueError("subject_id: is odd\nand more"),
        3: ValueError(),
        4: TypeError("properties cannot hold a set"),
    }

    def event_of(row: Row, document: dict[str, Any]) -> tuple[dict[str, Any], str]:
        if row.number in errors:
            raise errors[row.number]
        return document, f"line-{row.number}"

    rows = [Row(number, b"", {"name": "newPlayer", "subject_id": "7"}) for number in range(1, 6)]
    rows += [Row(6, b"", None, "is not JSON"), Row(7, b"", {"name": "x", "event_id": "own"})]
    client = SomeClient()
    report = _deliver(client, tmp_path, rows, event_of).report
    assert [event.event_id for event in client.sender.sent] == ["line-5", "own"]
    assert (report.rows, report.unusable, report.without_person) == (7, 5, 1)
    assert report.shown_problems() == [
        RowProblem(1, "when", "UNUSABLE", "must be a text"),
        RowProblem(2, "", "UNUSABLE", "subject_id: is odd"),
        RowProblem(3, "", "UNUSABLE", "ValueError"),
        RowProblem(4, "", "UNUSABLE", "properties cannot hold a set"),
        RowProblem(6, "", "UNUSABLE", "is not JSON"),
    ]


def test_a_verdict_finds_its_line(tmp_path: Path) -> None:
    status = status_pb2.Status(code=code_pb2.INVALID_ARGUMENT, message="no such event")
    status.details.add().Pack(
        error_details_pb2.ErrorInfo(
            reason="EVENT_UNKNOWN", domain="weir", metadata={"field": "name"}
        )
    )
    ack = pb.FrameAck(counts=pb.VerdictCounts(accepted=1, rejected=1, dropped=1))
    ack.results.add(index=1, verdict=pb.VERDICT_REJECTED, status=status)
    ack.results.add(index=2, verdict=pb.VERDICT_DROPPED, status=status_pb2.Status(code=7))
    rows = [Row(2 * number, b"", {"name": f"event{number}"}) for number in range(1, 4)]
    report = _deliver(
        SomeClient(ack), tmp_path, rows, lambda row, document: (document, str(row.number))
    ).report
    # What was dropped is no fault of its row.
    assert report.problems == [RowProblem(4, "name", "EVENT_UNKNOWN", "no such event")]
    assert dict(report.unknown_events) == {"event2": 1}
