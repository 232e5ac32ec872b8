"""What a law keeps of an erased person, in the running suite: it stays readable, and what arrives after the
end of the erasure is stored without its sealed values (ADR 51, point 11)."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from weir.common.v1 import event_pb2

from libs.sealing.values import read_sealed
from suite.supervisor import Suite
from tests.support.added_catalogs import add_catalogs
from tests.support.erasing import Erasing, counts, new_person
from tests.support.suite_calls import SuiteCalls, suite_calls
from weir_client import build_event

pytestmark = pytest.mark.xdist_group("e2e apps")
APP = "tollgate"
CATALOG = """
app_id: tollgate
title: Tollgate
subject: {name: driver}
categories:
  tolls: {producers: [api], retention: {raw: 90d, aggregate: 1y}}
erasure:
  keep: {tolls: {because: tax law}}
events:
  toll.paid:
    category: tolls
    properties: {cents: {type: integer}, plate: {type: string, x-pii: sealed}}
"""


@pytest.fixture(scope="module")
def calls(growing_suite: Suite) -> Iterator[SuiteCalls]:
    add_catalogs(growing_suite, {APP: CATALOG})
    with suite_calls(growing_suite) as opened:
        yield opened


def paid(event_id: str, person: str, occurred_at: datetime) -> event_pb2.Event:
    return build_event(
        "toll.paid",
        event_id=event_id,
        subject_id=person,
        occurred_at=occurred_at,
        properties={"cents": 250, "plate": f"plate of {event_id}"},
    )


def test_what_arrives_after_the_erasure_has_no_sealed_values(calls: SuiteCalls) -> None:
    person, [before, late, back] = new_person(), [f"toll-{uuid.uuid4()}" for _ in range(3)]
    began = datetime.now(UTC)
    calls.track(APP, paid(before, person, began))
    [(stored,)] = calls.stored("properties", [before])
    kept = read_sealed(stored["plate"])
    assert kept is not None

    found = counts(Erasing(calls, APP).erase(person))
    assert found["enrich.events"] == (0, 0, 1)
    assert found["privacy.subject_keys"] == (0, 0, 1)
    # From a client that was offline, and of a person who drives on.
    calls.track(APP, paid(late, person, began), paid(back, person, datetime.now(UTC)))
    rows = calls.stored("event_id, subject_id, properties", [before, late, back])
    properties = {event_id: found for event_id, _, found in rows}
    assert {subject_id for _, subject_id, _ in rows} == {person}
    assert properties[late] == {"cents": 250}
    # What was there before is as it was, and what comes then has a key that no one destroys.
    assert properties[before] == stored
    new = read_sealed(properties[back]["plate"])
    assert new is not None
    assert new.key_id != kept.key_id
