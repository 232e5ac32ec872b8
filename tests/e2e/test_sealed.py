"""Sealed properties in the running suite: from a client to Postgres, opened for a purpose, and erased."""

import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from weir.common.v1 import event_pb2
from weir.privacy.v1 import subject_key_service_pb2 as pb
from weir.privacy.v1 import subject_key_service_pb2_grpc

from libs.sealing.values import read_sealed
from suite.supervisor import Suite
from tests.support.erasing import Erasing, counts, new_person
from tests.support.suite_calls import SuiteCalls, suite_calls
from tests.support.weir_command import weir
from weir_client import build_event

pytestmark = pytest.mark.xdist_group("suite")
APP = "ip_assets"


@pytest.fixture
def calls(suite: Suite) -> Iterator[SuiteCalls]:
    with suite_calls(suite) as opened:
        yield opened


def search(event_id: str, person: str, query: str) -> event_pb2.Event:
    return build_event(
        "search_performed",
        event_id=event_id,
        subject_id=person,
        properties={"query": query, "resultCount": 3},
    )


def test_a_value_is_never_stored_in_plain_and_ends_with_its_person(
    suite: Suite, calls: SuiteCalls
) -> None:
    person, other = new_person(), new_person()
    canary = f"canary-{uuid.uuid4().hex}"
    own, others = f"sealed-{uuid.uuid4()}", f"sealed-{uuid.uuid4()}"
    calls.track(APP, search(own, person, canary), search(others, other, "of another"))
    [(properties,)] = calls.stored("properties", [own])
    assert properties["resultCount"] == 3
    sealed = read_sealed(properties["query"])
    assert sealed is not None

    # Neither in tables nor in the log of what was written to them.
    files = [path for path in (suite.home.path / "postgres").rglob("*") if path.is_file()]
    assert any("pg_wal" in path.parts for path in files)
    assert [path for path in files if canary.encode() in path.read_bytes()] == []

    # Who may list events sees that there is a value; it is opened for a purpose, on record.
    chosen = ("events", "--app", APP, "--filter", f'subject_id = "{person}"', "--json")
    [listed] = json.loads(weir(suite.home.path, *chosen).stdout)["events"]
    assert listed["properties"] == properties
    [opened] = json.loads(weir(suite.home.path, *chosen, "--open", "analytics").stdout)["events"]
    assert opened["properties"] == {"query": canary, "resultCount": 3}
    refused = weir(suite.home.path, *chosen, "--open", "curiosity")
    assert (refused.returncode, "is no purpose of the app's catalog" in refused.stderr) == (1, True)
    entries = calls.query(
        "SELECT purpose, details FROM privacy.audit_entries"
        " WHERE app_id = %s AND action = 'sealed.opened' ORDER BY occurred_at DESC LIMIT 1",
        APP,
    )
    assert entries == [("analytics", {"for": "suite token", "people": 1})]

    # A copy of the event, as a backup has it, cannot be opened once the person is erased.
    assert key_ids(calls, sealed.key_id) == {sealed.key_id}
    found = Erasing(calls, APP).erase(person)
    assert counts(found)["privacy.subject_keys"] == (1, 0, 0)
    assert key_ids(calls, sealed.key_id) == set()
    destroyed = calls.query(
        "SELECT details FROM privacy.audit_entries WHERE action = 'keys.destroyed'"
        " AND details ->> 'request' = %s",
        found.request_id,
    )
    assert destroyed == [({"request": found.request_id, "keys": 1},)]
    [(still,)] = calls.stored("properties", [others])
    kept = read_sealed(still["query"])
    assert kept is not None
    assert key_ids(calls, kept.key_id) == {kept.key_id}


def test_keys_are_counted_and_wrapped_anew(suite: Suite, calls: SuiteCalls) -> None:
    event_id = f"sealed-{uuid.uuid4()}"
    calls.track(APP, search(event_id, new_person(), "x"))
    calls.stored("event_id", [event_id])
    [before] = json.loads(weir(suite.home.path, "keys", "status", "--json").stdout)["wrapping_keys"]
    assert (before["in_use"], before["available"]) == (True, True)
    assert before["keys"] >= 1
    shown = weir(suite.home.path, "keys", "status")
    today, due = datetime.now(UTC), datetime.now(UTC) + timedelta(days=365)
    line = f"in use since {today:%Y-%m-%d}, to be replaced on {due:%Y-%m-%d}"
    assert (shown.returncode, line in shown.stdout) == (0, True), shown.stdout

    # A new key goes to the front of the file, which privacy reads again by itself.
    file = suite.home.path / "sealing.keys"
    new = weir(suite.home.path, "keys", "new").stdout
    old = file.read_text()
    file.write_text(new + old)
    rewrapped = weir(suite.home.path, "keys", "rewrap")
    assert rewrapped.returncode == 0, rewrapped.stderr
    [after] = json.loads(weir(suite.home.path, "keys", "status", "--json").stdout)["wrapping_keys"]
    assert after["wrapping_key_id"] == new.partition(":")[0]
    assert after["keys"] >= before["keys"]
    # Without the old key all values still open.
    file.write_text(new)
    [(properties,)] = calls.stored("properties", [event_id])
    sealed = read_sealed(properties["query"])
    assert sealed is not None
    assert key_ids(calls, sealed.key_id) == {sealed.key_id}


def test_a_key_that_stayed_for_a_law_goes_when_no_event_needs_it(
    suite: Suite, calls: SuiteCalls
) -> None:
    """As if both people had been erased, and a law kept their events, of which one is past its limit."""
    event_ids = [f"sealed-{uuid.uuid4()}" for _ in range(2)]
    calls.track(APP, *(search(each, new_person(), "x") for each in event_ids))
    [[still], [gone]] = [calls.stored("properties", [each]) for each in event_ids]
    keys = [sealed.key_id for (found,) in (still, gone) if (sealed := read_sealed(found["query"]))]
    assert key_ids(calls, *keys) == set(keys)
    with psycopg.connect(suite.addresses.database_url) as owner:
        owner.execute("DELETE FROM enrich.events WHERE event_id = %s", [event_ids[1]])
        owner.execute(
            "UPDATE privacy.subject_keys SET kept_since = now() - interval '25 hours', retired_at = now()"
            " WHERE key_id = ANY(%s)",
            [[uuid.UUID(bytes=key) for key in keys]],
        )
    run = weir(suite.home.path, "jobs", "run", "privacy.destroy_kept_keys", "--wait")
    assert run.returncode == 0, run.stdout + run.stderr
    assert key_ids(calls, *keys) == {keys[0]}


def key_ids(calls: SuiteCalls, *asked: bytes) -> set[bytes]:
    """Those of the keys with which something can be opened."""
    stub = subject_key_service_pb2_grpc.SubjectKeyServiceStub(calls.channel("privacy"))
    request = pb.GetOpeningKeysRequest(app_id=APP, key_ids=asked, purpose="analytics", actor="test")
    answer = stub.GetOpeningKeys(request, metadata=calls.metadata, timeout=60)
    return {key.key_id for key in answer.keys}
