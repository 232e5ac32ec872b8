"""kill -9 of each service after each step of an erasure: the same end, and a receipt that is right."""

from itertools import count

import pytest
from redis import Redis
from weir.streams.v1 import batch_pb2

from libs.common.ids import new_uuid7
from suite.supervisor import Suite
from tests.fault.conftest import APP
from tests.support.erasing import Erasing, counts, new_person
from tests.support.stream_events import ids, mission
from tests.support.suite_calls import suite_calls
from tests.support.waiting import eventually
from weir_client import build_event

pytestmark = [pytest.mark.fault, pytest.mark.xdist_group("fault")]


@pytest.mark.parametrize("service", ["privacy", "enrich", "ingest", "aggregate"])
def test_an_erasure_goes_on_after_a_kill_after_each_step(
    fragile_suite: Suite, service: str
) -> None:
    person, own = new_person(), ids(40)
    with suite_calls(fragile_suite) as calls:
        erasing = Erasing(calls, APP)
        calls.record_consent(APP, person, telemetry=True)
        calls.track(APP, *(mission(each, subject_id=person) for each in own))
        calls.stored("event_id", own)
        _quarantine(fragile_suite, person)
        request_id = erasing.create(person).request_id
        for step in count(1):
            done = _at_step(fragile_suite, request_id, step)
            fragile_suite.kill(service)
            fragile_suite.restart(service)
            if done:
                break
        with suite_calls(fragile_suite) as fresh:
            found = Erasing(fresh, APP).done(request_id)
            assert Erasing(fresh, APP).differences() == []
        assert calls.query("SELECT FROM enrich.events WHERE event_id = ANY(%s)", own) == []
        assert counts(found)["enrich.events"] == (len(own), 0, 0)
        for group in ("enrich", "aggregate"):
            assert counts(found)[f"{group}.quarantine"] == (2, 0, 0)
        [(consents,)] = calls.query(
            "SELECT count(*) FROM privacy.consents WHERE subject_id = %s", person
        )
        assert consents == 0


def test_an_erasure_that_keeps_events_goes_on_after_kills(fragile_suite: Suite) -> None:
    """Its events stay for the numbers: each is counted once as anonymized, and none is deleted."""
    person, own, app_id = new_person(), ids(2_500), "addvalue"
    stored = (
        "SELECT count(*), count(subject_id), count(person) FROM enrich.events WHERE app_id = %s"
    )
    with suite_calls(fragile_suite) as calls:
        erasing = Erasing(calls, app_id)
        calls.record_consent(app_id, person, analytics=True)
        for start in range(0, len(own), 500):
            happened = (
                build_event("post_created", event_id=each, subject_id=person)
                for each in own[start : start + 500]
            )
            assert calls.track(app_id, *happened).counts.accepted == 500
        eventually(lambda: calls.query(stored, app_id) == [(len(own),) * 3])
        request_id = erasing.create(person).request_id
        begun = (
            "SELECT FROM enrich.erasures WHERE stores #>> '{enrich.events,anonymized}' >= '1000'"
        )
        for _ in range(2):
            # Once some of them are done, and once more.
            eventually(lambda: calls.query(begun))
            fragile_suite.kill("enrich")
            fragile_suite.restart("enrich")
        with suite_calls(fragile_suite) as fresh:
            found = Erasing(fresh, app_id).done(request_id)
            assert Erasing(fresh, app_id).differences() == []
        assert calls.query(stored, app_id) == [(len(own), 0, 0)]
        assert counts(found)["enrich.events"] == (0, len(own), 0)


def _quarantine(suite: Suite, person: str) -> None:
    """Two entries of aggregate's quarantine and two of enrich's, each with an event of the person."""
    own, other = mission(ids(1)[0], subject_id=person), mission(ids(1)[0], subject_id=new_person())
    with Redis.from_url(suite.addresses.redis_url) as redis:
        for events in ([own], [other, own]):
            batch = batch_pb2.EventBatch(
                app_id=APP, batch_id=new_uuid7(), received_at_us=1, events=events
            ).SerializeToString()
            enriched = batch_pb2.EnrichedBatch(
                event_batch=batch,
                enrichments=[batch_pb2.Enrichment()],
                enrichment_of_event=[0] * len(events),
            ).SerializeToString()
            redis.xadd("enrich:{0}:quarantine", {"batch": batch})
            redis.xadd("aggregate:{0}:quarantine", {"batch": enriched})


def _at_step(suite: Suite, request_id: str, step: int) -> bool:
    """Waits until so many steps are done; whether all are. By SQL: privacy may be the one that is killed."""
    query = (
        "SELECT state = 'done', (SELECT count(*) FROM jsonb_array_elements(steps) AS step"
        " WHERE step ->> 'state' = 'done') FROM privacy.subject_requests WHERE request_id = %s"
    )
    with suite_calls(suite) as calls:
        eventually(
            lambda: (row := calls.query(query, request_id)[0]) and (row[0] or row[1] >= step)
        )
        return bool(calls.query(query, request_id)[0][0])
