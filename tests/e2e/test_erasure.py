"""Erasure of a person, in the running suite: section 5 of the promises."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import grpc
import orjson
import psycopg
import pytest
from redis import Redis
from weir.privacy.v1 import privacy_service_pb2
from weir.privacy.v1 import subject_request_service_pb2 as pb

from libs.catalog import load_catalogs
from services.enrich.erasure.fences import FENCE_LOCK
from suite.supervisor import Suite
from tests.support.erasing import Erasing, counts, new_person
from tests.support.repository import REPOSITORY
from tests.support.stream_events import APP, ids, mission
from tests.support.suite_calls import SuiteCalls, suite_calls
from tests.support.waiting import eventually
from tests.support.weir_command import weir

pytestmark = pytest.mark.xdist_group("suite")


@pytest.fixture
def calls(suite: Suite) -> Iterator[SuiteCalls]:
    with suite_calls(suite) as opened:
        yield opened


@pytest.fixture
def erasing(calls: SuiteCalls) -> Erasing:
    return Erasing(calls, APP)


def test_the_receipt_says_what_is_gone(calls: SuiteCalls, erasing: Erasing) -> None:
    person, other = new_person(), new_person()
    own, others = ids(3), ids(2)
    for each in (person, other):
        calls.record_consent(APP, each, telemetry=True)
    calls.track(APP, *(mission(each, subject_id=person) for each in own))
    calls.track(APP, *(mission(each, subject_id=other) for each in others))
    calls.stored("event_id", [*own, *others])
    [(consents,)] = calls.query(
        "SELECT count(*) FROM privacy.consent_history WHERE app_id = %s AND subject_id = %s",
        *(APP, person),
    )

    found = erasing.erase(person)

    assert calls.query("SELECT FROM enrich.events WHERE event_id = ANY(%s)", own) == []
    assert len(calls.stored("event_id", others)) == 2
    assert counts(found)["enrich.events"] == (3, 0, 0)
    # With the withdrawal itself, of each of the two purposes.
    assert counts(found)["privacy.consent_history"] == (consents + 2, 0, 0)
    receipt = orjson.loads(found.receipt_json)
    assert {each["store"]: each["erased"] for each in receipt["stores"]} == {
        store: erased for store, (erased, _, _) in counts(found).items()
    }
    assert found.subject_id == ""
    assert person not in found.receipt_json
    assert erasing.differences() == []


def test_an_event_in_a_clients_retry_queue_is_not_stored(
    calls: SuiteCalls, erasing: Erasing
) -> None:
    person, [sent, queued] = new_person(), ids(2)
    calls.record_consent(APP, person, telemetry=True)
    calls.track(APP, mission(sent, subject_id=person))
    calls.stored("event_id", [sent])
    late = mission(queued, subject_id=person)
    erasing.erase(person)

    # Without consent ingest takes it under the pseudonym, and enrich does not store it.
    calls.track(APP, late)

    _settled(calls)
    assert calls.query("SELECT FROM enrich.events WHERE event_id = ANY(%s)", [sent, queued]) == []


def test_erase_then_consent_again_then_an_old_event_arrives(
    calls: SuiteCalls, erasing: Erasing
) -> None:
    person, [queued, fresh] = new_person(), ids(2)
    calls.record_consent(APP, person, telemetry=True)
    old = mission(queued, subject_id=person)
    erasing.erase(person)
    assert erasing.decision(person, "telemetry") == privacy_service_pb2.DECISION_ANONYMIZE

    calls.record_consent(APP, person, telemetry=True)
    assert erasing.decision(person, "telemetry") == privacy_service_pb2.DECISION_ALLOW
    calls.track(APP, old)
    calls.track(APP, mission(fresh, subject_id=person))

    assert calls.stored("subject_id", [fresh]) == [(person,)]
    assert calls.query("SELECT FROM enrich.events WHERE event_id = %s", queued) == []


def test_the_no_of_an_erased_person_stays_although_the_catalog_says_yes(
    calls: SuiteCalls,
) -> None:
    erasing, person = Erasing(calls, "gamelaunch"), new_person()
    [purpose] = _granted_by_default("gamelaunch")
    assert erasing.decision(person, purpose) == privacy_service_pb2.DECISION_ALLOW
    erasing.erase(person)
    assert erasing.decision(person, purpose) != privacy_service_pb2.DECISION_ALLOW
    rows = calls.query(
        "SELECT count(*) FROM privacy.consents WHERE subject_id = %s"
        " UNION ALL SELECT count(*) FROM privacy.consent_history WHERE subject_id = %s"
        " UNION ALL SELECT count(*) FROM privacy.subject_requests WHERE subject_id = %s",
        *(person, person, person),
    )
    assert rows == [(0,), (0,), (0,)]
    with Redis.from_url(calls.suite.addresses.redis_url) as redis:
        assert not redis.hexists("privacy:{0}:consent:gamelaunch", person)


def test_two_erasures_at_once_are_the_same_one(calls: SuiteCalls, erasing: Erasing) -> None:
    person = new_person()
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: erasing.create(person), range(4)))
    assert len({each.request_id for each in made}) == 1
    again = erasing.create(person, request_id=made[0].request_id)
    assert again.request_id == made[0].request_id
    erasing.done(made[0].request_id)
    [(requests,)] = calls.query(
        "SELECT count(*) FROM privacy.subject_requests WHERE app_id = %s AND subject = %s",
        *(APP, made[0].subject),
    )
    assert requests == 1


def test_a_dead_letter_of_the_person_is_removed(calls: SuiteCalls, erasing: Erasing) -> None:
    person, [wrong] = new_person(), ids(1)
    calls.record_consent(APP, person, telemetry=True)
    # `xp_awarded` is a number by the catalog; the id stands nested in what was rejected.
    properties = {"mission_type": "send_messages", "xp_awarded": "many", "with": {"who": [person]}}
    calls.track(APP, mission(wrong, subject_id=person, properties=properties))
    letters = "SELECT count(*) FROM ingest.dead_letters WHERE event_id = %s"
    eventually(lambda: calls.query(letters, wrong) == [(1,)])
    found = erasing.erase(person)
    assert calls.query(letters, wrong) == [(0,)]
    assert counts(found)["ingest.dead_letters"] == (1, 0, 0)


def test_a_grace_period_can_be_cancelled_and_a_hold_makes_an_erasure_wait(
    calls: SuiteCalls, erasing: Erasing
) -> None:
    lms, person = Erasing(calls, "mlc_lms"), new_person()
    waiting = lms.create(person)
    assert waiting.state == pb.SUBJECT_REQUEST_STATE_WAITING
    assert waiting.due_at.seconds - waiting.created_at.seconds == 30 * 86_400
    cancelled = lms.call(
        "CancelRequest",
        pb.CancelRequestRequest(app_id="mlc_lms", request_id=waiting.request_id),
    ).request
    assert cancelled.state == pb.SUBJECT_REQUEST_STATE_CANCELLED

    erasing.call(
        "PlaceHold", pb.PlaceHoldRequest(app_id=APP, subject_id=person, reason="A court asks")
    )
    held = erasing.create(person)
    eventually(lambda: erasing.get(held.request_id).failure == "on hold: A court asks")
    erasing.call("ReleaseHold", pb.ReleaseHoldRequest(app_id=APP, subject_id=person))
    assert erasing.done(held.request_id).failure == ""


def test_an_erasure_in_its_grace_period_begins_when_it_is_asked_to(calls: SuiteCalls) -> None:
    lms, person = Erasing(calls, "mlc_lms"), new_person()
    waiting = lms.create(person)
    assert lms.create(person).state == pb.SUBJECT_REQUEST_STATE_WAITING
    begun = lms.create(person, without_grace=True)
    assert begun.request_id == waiting.request_id
    assert begun.due_at.ToMicroseconds() < waiting.due_at.ToMicroseconds()
    lms.done(waiting.request_id)


def test_a_hold_stops_an_erasure_that_is_under_way(calls: SuiteCalls, erasing: Erasing) -> None:
    person, own = new_person(), ids(2)
    calls.record_consent(APP, person, telemetry=True)
    calls.track(APP, *(mission(each, subject_id=person) for each in own))
    calls.stored("event_id", own)
    hold = pb.PlaceHoldRequest(app_id=APP, subject_id=person, reason="A court asks")
    with psycopg.connect(calls.suite.addresses.database_url) as connection:
        # Enrich's fence waits for this.
        connection.execute(f"SELECT pg_advisory_xact_lock_shared({FENCE_LOCK})")
        request_id = erasing.create(person).request_id
        eventually(lambda: erasing.get(request_id).state == pb.SUBJECT_REQUEST_STATE_RUNNING)
        erasing.call("PlaceHold", hold)
    eventually(lambda: erasing.get(request_id).failure == "on hold: A court asks")
    held = erasing.get(request_id)
    assert held.state == pb.SUBJECT_REQUEST_STATE_RUNNING
    # A part that had begun ends; nothing was erased.
    assert len(calls.stored("event_id", own)) == 2
    assert counts(held) == {}
    erasing.call("ReleaseHold", pb.ReleaseHoldRequest(app_id=APP, subject_id=person))
    done = erasing.done(request_id)
    assert (counts(done)["enrich.events"], done.failure) == ((2, 0, 0), "")


def test_another_apps_request_is_not_found_and_an_unverified_requester_is_denied(
    calls: SuiteCalls, erasing: Erasing
) -> None:
    person = new_person()
    made = erasing.erase(person)
    asked = pb.GetRequestRequest(app_id="gamelaunch", request_id=made.request_id)
    with pytest.raises(grpc.RpcError) as rejection:
        erasing.call("GetRequest", asked)
    assert rejection.value.code() is grpc.StatusCode.NOT_FOUND
    with pytest.raises(grpc.RpcError) as rejection:
        erasing.stub().CreateErasure(
            pb.CreateErasureRequest(app_id=APP, subject_id=person), timeout=30
        )
    assert rejection.value.code() is grpc.StatusCode.UNAUTHENTICATED
    # The request says with which credential it was made, and the trail who asked for it.
    assert made.requester == "suite token"
    [(entries,)] = calls.query(
        "SELECT count(*) FROM privacy.audit_entries WHERE app_id = %s AND subject = %s"
        " AND action IN ('subject.requested', 'subject.fenced', 'subject.erased')",
        *(APP, made.subject),
    )
    assert entries == 3


def test_status_is_found_by_the_persons_id_when_the_id_is_gone(erasing: Erasing) -> None:
    person = new_person()
    made = erasing.erase(person)
    asked = pb.ListRequestsRequest(app_id=APP, subject_id=person)
    [found] = erasing.call("ListRequests", asked).requests
    assert (found.request_id, found.subject_id) == (made.request_id, "")


def _granted_by_default(app_id: str) -> list[str]:
    catalog = load_catalogs(REPOSITORY / "catalogs")[app_id]
    return [each.name for each in catalog.purposes.values() if each.default_granted][:1]


def _settled(calls: SuiteCalls) -> None:
    """Returns when enrich has handled everything that was sent."""
    with Redis.from_url(calls.suite.addresses.redis_url) as redis:
        eventually(lambda: redis.xlen("ingest:{0}:raw") == 0)


def test_an_operator_erases_a_person_and_asks_for_the_status(
    calls: SuiteCalls, suite: Suite
) -> None:
    person, [sent] = new_person(), ids(1)
    calls.record_consent(APP, person, telemetry=True)
    calls.track(APP, mission(sent, subject_id=person))
    calls.stored("event_id", [sent])
    person_options = ("--app", APP, "--subject", person)

    erased = weir(suite.home.path, "subject", "erase", *person_options, "--wait").stdout

    assert "done" in erased
    assert re.search(r"enrich\.events +1 erased", erased)
    status = partial(weir, suite.home.path, "subject", "status", *person_options)
    assert "erasure" in status().stdout
    [found] = orjson.loads(status("--json").stdout)
    assert found["stores"]["enrich.events"]["erased"] == 1
    assert found["receipt"]["mac"]["value"]
