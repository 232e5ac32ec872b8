"""A load that goes on while parts of a suite are killed, and what must hold when it is over."""

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from weir.common.v1 import event_pb2

from suite.supervisor import Suite
from tests.fault.conftest import APP
from tests.support.ledger import Ledger, check, settle
from tests.support.waiting import holds_in_time
from tests.support.weir_command import weir_process
from weir_client import Client, build_event

MakeEvent = Callable[[int], event_pb2.Event]
# What was sent into each suite so far, by its home and the app.
_sent: defaultdict[tuple[Path, str], set[str]] = defaultdict(set)


def mission(number: int) -> event_pb2.Event:
    """The event of this number of `APP`."""
    return build_event(
        "gamification.mission.completed",
        subject_id=str(number % 997),
        session_id=f"session-{number % 997}",
        group_id=str(number % 7),
        properties={"mission_type": "send_messages", "xp_awarded": number % 50},
    )


@contextmanager
def load(
    suite: Suite,
    app_id: str = APP,
    make: MakeEvent = mission,
    *,
    frame_events: int = 100,
    pause_seconds: float = 0.02,
) -> Iterator[Ledger]:
    """A context in which frames keep arriving, with a pause after each: by default about 5,000 events a
    second, a load and not a race for the machine's last cycle. On leaving it, all have their verdict."""
    ledger = Ledger()
    stop = threading.Event()
    address = suite.addresses.services["ingest"]
    with (
        Client(address, token=suite.addresses.token) as client,
        client.stream(
            app_id, frame_events=frame_events, on_ack=ledger.on_ack, give_up_seconds=120
        ) as sender,
    ):

        def send() -> None:
            number = 0
            while not stop.is_set():
                for _ in range(frame_events):
                    number += 1
                    event = make(number)
                    ledger.sent.add(event.event_id)
                    sender.send(event)
                stop.wait(pause_seconds)

        thread = threading.Thread(target=send)
        thread.start()
        try:
            yield ledger
        finally:
            stop.set()
            thread.join()
            _sent[suite.home.path, app_id] |= ledger.sent


def stored_events(suite: Suite) -> int:
    """How many events of all apps are stored."""
    with psycopg.connect(suite.addresses.database_url) as connection:
        row = connection.execute("SELECT count(*) FROM enrich.events").fetchone()
        assert row is not None
        return int(row[0])


def under_way(suite: Suite) -> bool:
    """Whether events have been stored since: the kill shall hit a service at work."""
    before = stored_events(suite)
    return holds_in_time(lambda: stored_events(suite) > before + 500, 30)


def check_all(suite: Suite, ledger: Ledger, app_id: str = APP) -> None:
    """Waits until the load is stored and counted, and asserts that nothing of it is lost or doubled, in any
    rollup."""
    settle(suite.addresses.database_url, app_id, ledger)
    check(suite.addresses.database_url, app_id, ledger, _sent[suite.home.path, app_id])
    verified = weir_process(suite.home.path, "rollup", "verify", "--app", app_id)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert verified.stdout.endswith(" compared, 0 differ\n")
