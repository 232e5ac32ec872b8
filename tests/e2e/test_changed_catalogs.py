"""Catalogs that change while events stream in: they hold everywhere without a restart, and no event is lost
or counted twice."""

import json
import os
import shutil
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg
import pytest
from redis import Redis
from weir.ingest.v1 import ingest_service_pb2 as pb

from demo.numbers import Numbers
from demo.stored import recount
from libs.catalog import load_snapshot
from suite.home import Home
from suite.supervisor import Suite
from tests.support.environment import without_settings
from tests.support.ledger import Ledger, check
from tests.support.service_metrics import SERVICES, catalog_versions, samples
from tests.support.suite_calls import SuiteCalls, suite_calls
from tests.support.waiting import eventually
from tests.support.weir_command import weir
from weir_client import Client, EventSender, build_event

pytestmark = pytest.mark.xdist_group("e2e changed catalogs")

APP = "arena"
FIRST = """\
app_id: arena
title: Arena
purposes:
  telemetry: {default: granted, when_denied: anonymize}
categories:
  play: {purpose: telemetry, producers: [server], retention: {raw: 90d, aggregate: 1y}}
events:
  round.played: {category: play, properties: {score: {type: integer}}}
rollups:
  rounds:
    events: [round.played]
    period: hour
    metrics: {rounds: count, players: {distinct: subject}, score: {sum: properties.score}}
"""
# An event is new, with a rollup of its own.
SECOND = FIRST.replace(
    "rollups:\n",
    "  round.won: {category: play, properties: {prize: {type: integer}}}\n"
    "rollups:\n"
    "  wins:\n"
    "    events: [round.won]\n"
    "    period: hour\n"
    "    dimensions: [properties.prize]\n"
    "    metrics: {wins: count, winners: {distinct: subject}}\n",
)
BROKEN = SECOND.replace("{type: integer}", "{type: integre}", 1)
# A property has to be there from now on.
THIRD = SECOND.replace("{score: {type: integer}}", "{score: {type: integer}}, required: [score]")
# An app is new, with a purpose whose default is denied.
OTHER = FIRST.replace("app_id: arena", "app_id: other").replace("granted", "denied")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("catalogs")
    (folder / "arena.yaml").write_text(FIRST)
    return folder


@pytest.fixture(scope="module")
def changing_suite(tmp_path_factory: pytest.TempPathFactory, folder: Path) -> Iterator[Suite]:
    """Aggregate looks at the folder on SIGHUP only, so that it can be the last one that sees a change."""
    home = Home(tmp_path_factory.mktemp("changing"))
    environment = {
        **without_settings(),
        "WEIR_CATALOGS": str(folder),
        "WEIR_CATALOG_POLL_SECONDS": "0.2",
        "WEIR_AGGREGATE_CATALOG_POLL_SECONDS": "0",
        "WEIR_CLAIM_IDLE_SECONDS": "1",
    }
    with Suite(home, environment) as running:
        yield running
    shutil.rmtree(home.path)


@pytest.fixture
def calls(changing_suite: Suite) -> Iterator[SuiteCalls]:
    with suite_calls(changing_suite) as opened:
        yield opened


@contextmanager
def load(suite: Suite) -> Iterator[Ledger]:
    """Frames of 50 events of both names keep arriving; on leaving, all of them have their verdict. Every
    third event has no score."""
    ledger, stop = Ledger(), threading.Event()

    def send(sender: EventSender) -> None:
        for number in count():
            if stop.is_set():
                return
            won = number % 5 == 0
            event = build_event(
                "round.won" if won else "round.played",
                subject_id=f"player-{number % 97}",
                properties={"prize": number % 3}
                if won
                else {"score": number % 50}
                if number % 3
                else {},
            )
            ledger.sent.add(event.event_id)
            sender.send(event)
            if number % 50 == 0:
                stop.wait(0.02)

    address = suite.addresses.services["ingest"]
    with (
        Client(address, token=suite.addresses.token) as client,
        client.stream(APP, frame_events=50, on_ack=ledger.on_ack, give_up_seconds=120) as sender,
    ):
        thread = threading.Thread(target=send, args=(sender,))
        thread.start()
        try:
            yield ledger
        finally:
            stop.set()
            thread.join()


def write(folder: Path, text: str, app_id: str = APP) -> str:
    """Replaces a catalog in one step; returns the folder's version."""
    replace(folder, text, app_id)
    return load_snapshot(folder).version


def replace(folder: Path, text: str, app_id: str = APP) -> None:
    new = folder / "new"
    new.write_text(text)
    new.replace(folder / f"{app_id}.yaml")


def hang_up(suite: Suite, service: str) -> None:
    os.kill(suite.pid(service), signal.SIGHUP)


def verdicts(ledger: Ledger) -> Counter[str]:
    return Counter(
        pb.Verdict.Name(verdict).removeprefix("VERDICT_").lower()
        for verdict in dict(ledger.verdicts).values()
    )


def goes_on(ledger: Ledger, verdict: str, events: int = 500) -> None:
    """Returns when so many more events have got the verdict."""
    before = verdicts(ledger)[verdict]
    eventually(lambda: verdicts(ledger)[verdict] > before + events)


def test_a_catalog_that_changes_under_load(
    changing_suite: Suite, folder: Path, calls: SuiteCalls
) -> None:
    suite = changing_suite
    first = catalog_versions(suite)
    assert set(first.values()) == {load_snapshot(folder).version}
    processes = {service: suite.pid(service) for service in SERVICES}
    with load(suite) as ledger, Numbers(suite.addresses) as numbers:
        goes_on(ledger, "accepted")

        # A new event and rollup. All but aggregate see them; what it cannot count yet, waits.
        second = write(folder, SECOND)
        eventually(lambda: list(catalog_versions(suite).values()).count(second) == 3)
        assert catalog_versions(suite)["aggregate"] == first["aggregate"]
        won = "SELECT 1 FROM enrich.events WHERE name = 'round.won' LIMIT 1"
        eventually(lambda: calls.query(won))
        waiting = "weir_stream_waiting_entries_total"
        eventually(lambda: sum(value for _, value in samples(suite, "aggregate", waiting)))
        hang_up(suite, "aggregate")
        eventually(lambda: catalog_versions(suite)["aggregate"] == second)
        eventually(lambda: numbers.cells(APP, "wins"))

        # A broken one is refused by all, and everything goes on with the one before.
        replace(folder, BROKEN)
        hang_up(suite, "aggregate")
        eventually(
            lambda: all(
                samples(suite, service, "weir_catalog_broken")[0][1] for service in SERVICES
            )
        )
        goes_on(ledger, "accepted")
        assert set(catalog_versions(suite).values()) == {second}

        # A property becomes required, and an app is added.
        replace(folder, THIRD)
        third = write(folder, OTHER, "other")
        hang_up(suite, "aggregate")
        eventually(lambda: set(catalog_versions(suite).values()) == {third})
        assert [samples(suite, service, "weir_catalog_broken")[0][1] for service in SERVICES] == (
            [0.0] * 4
        )
        goes_on(ledger, "rejected")
        goes_on(ledger, "accepted")

    assert processes == {service: suite.pid(service) for service in SERVICES}
    assert ledger.verdicts.keys() == ledger.sent
    assert set(ledger.counts()) == {"accepted", "rejected"}
    stored = "SELECT name, count(*) FROM enrich.events WHERE app_id = %s GROUP BY 1"
    eventually(
        lambda: sum(events for _, events in calls.query(stored, APP)) == ledger.counts()["accepted"]
    )
    assert {name for name, _ in calls.query(stored, APP)} == {"round.played", "round.won"}
    catalog = load_snapshot(folder).catalogs[APP]
    with (
        Numbers(suite.addresses) as numbers,
        psycopg.connect(suite.addresses.database_url) as connection,
    ):
        numbers.wait_until_counted({APP: ledger.counts()["accepted"]}, 60)
        for rollup in catalog.rollups.values():
            expected = recount(connection, APP, rollup, catalog.limits.dimension_characters)
            assert expected, rollup.name
            assert numbers.cells(APP, rollup.name) == expected, rollup.name
    check(suite.addresses.database_url, APP, ledger)
    with Redis.from_url(suite.addresses.redis_url) as redis:
        assert not redis.keys("*quarantine*")


def test_a_new_app_is_taken_with_the_consent_of_its_people(
    changing_suite: Suite, folder: Path, calls: SuiteCalls
) -> None:
    """Follows the test above: privacy has to have made the new app's consents readable for ingest."""
    version = write(folder, OTHER, "other")
    hang_up(changing_suite, "aggregate")
    eventually(lambda: set(catalog_versions(changing_suite).values()) == {version})
    calls.record_consent("other", "ann", telemetry=True)
    events = [
        build_event("round.played", event_id=f"of-{player}", subject_id=player)
        for player in ("ann", "bob")
    ]
    with Client(
        changing_suite.addresses.services["ingest"], token=changing_suite.addresses.token
    ) as client:
        ledger = Ledger()
        with client.stream("other", on_ack=ledger.on_ack) as sender:
            sender.send_all(events)
    assert ledger.verdicts == {
        "of-ann": pb.VERDICT_ACCEPTED,
        "of-bob": pb.VERDICT_ANONYMIZED,
    }
    with Numbers(changing_suite.addresses) as numbers:
        numbers.wait_until_counted({"other": 2}, 60)
        [cell] = numbers.cells("other", "rounds").values()
        assert cell == {"rounds": 2.0, "players": 2.0}


def test_the_commands_say_which_service_has_which_catalogs(
    changing_suite: Suite, folder: Path
) -> None:
    home = changing_suite.home.path
    before = catalog_versions(changing_suite)
    later = write(folder, THIRD + "# later\n")
    others = ["ingest", "enrich", "privacy"]
    eventually(lambda: {catalog_versions(changing_suite)[name] for name in others} == {later})
    status = json.loads(weir(home, "status", "--json").stdout)
    assert {
        name: part["catalogs"] for name, part in status["parts"].items() if name in SERVICES
    } == {"aggregate": before["aggregate"], **dict.fromkeys(others, later)}
    findings = {
        finding["name"]: finding for finding in json.loads(weir(home, "doctor", "--json").stdout)
    }
    assert later in findings["catalogs"]["detail"]
    assert findings["catalog versions"]["state"] == "note"
    assert findings["catalog versions"]["detail"] == (
        f"ingest, enrich, privacy have {later}; aggregate has {before['aggregate']};"
        f" the folder has {later}: SIGHUP makes a service read it"
    )
    assert later in weir(home, "catalog", "list").stdout
    hang_up(changing_suite, "aggregate")
    eventually(lambda: catalog_versions(changing_suite)["aggregate"] == later)
    findings = {
        finding["name"]: finding for finding in json.loads(weir(home, "doctor", "--json").stdout)
    }
    assert findings["catalog versions"] == {
        "name": "catalog versions",
        "state": "ok",
        "detail": f"all services have {later}, as in the folder",
    }
