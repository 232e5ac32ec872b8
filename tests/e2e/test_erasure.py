"""Erasure of a person, in the running suite: section 5 of the promises."""

from collections.abc import Iterator

import orjson
import pytest

from suite.supervisor import Suite
from tests.e2e.stream_events import APP, ids, mission
from tests.support.erasing import Erasing, counts, new_person
from tests.support.suite_calls import SuiteCalls, suite_calls

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
