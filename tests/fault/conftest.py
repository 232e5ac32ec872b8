"""A suite for tests that kill parts of it, and a load that goes on meanwhile."""

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from suite.home import Home
from suite.supervisor import Suite
from tests.support.environment import without_settings
from tests.support.ledger import Ledger
from weir_client import Client, EventSender, build_event

APP = "unofficial_communities"
# Abandoned batches are claimed quickly here, so that the tests need not wait for it.
CLAIM_IDLE_SECONDS = "1"


@pytest.fixture(scope="module")
def fragile_suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Suite]:
    """The real suite with short claim times; tests kill and restart its parts by hand."""
    home = Home(tmp_path_factory.mktemp("fragile"))
    environment = {**without_settings(), "WEIR_CLAIM_IDLE_SECONDS": CLAIM_IDLE_SECONDS}
    with Suite(home, environment) as running:
        yield running
    shutil.rmtree(home.path)


Load = Callable[[Suite], AbstractContextManager[Ledger]]


@pytest.fixture
def load() -> Load:
    """A context in which frames of 100 events keep arriving; on leaving it, all have their verdict."""
    return _load


@contextmanager
def _load(suite: Suite) -> Iterator[Ledger]:
    ledger = Ledger()
    stop = threading.Event()
    address = suite.addresses.services["ingest"]
    with (
        Client(address, token=suite.addresses.token) as client,
        client.stream(APP, frame_events=100, on_ack=ledger.on_ack, give_up_seconds=120) as sender,
    ):
        thread = threading.Thread(target=_send, args=(sender, ledger, stop))
        thread.start()
        try:
            yield ledger
        finally:
            stop.set()
            thread.join()


def _send(sender: EventSender, ledger: Ledger, stop: threading.Event) -> None:
    number = 0
    while not stop.is_set():
        for _ in range(100):
            number += 1
            event = build_event(
                "gamification.mission.completed",
                subject_id=str(number % 997),
                session_id=f"session-{number % 997}",
                group_id=str(number % 7),
                properties={"mission_type": "send_messages", "xp_awarded": number % 50},
            )
            ledger.sent.add(event.event_id)
            sender.send(event)
        # About 5,000 events a second: a load, and not a race for the machine's last cycle.
        stop.wait(0.02)
