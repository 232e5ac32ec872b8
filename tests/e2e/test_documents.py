"""Each example event of the requirement documents passes the real ingest as it is written."""

from collections import Counter
from collections.abc import Iterator, Mapping

import pytest
from weir.common.v1 import event_pb2
from weir.ingest.v1 import ingest_service_pb2 as pb

from libs.catalog import Catalog, load_catalogs, to_envelope
from suite.supervisor import Suite
from tests.support.documents.examples import EXAMPLES
from tests.support.repository import REPOSITORY
from tests.support.suite_calls import SuiteCalls, suite_calls
from tests.support.waiting import eventually
from weir_client import describe_status, event_from_envelope

pytestmark = pytest.mark.xdist_group("suite")
# What these apps ask before they collect anything by name; the others' defaults let their examples pass.
PURPOSES = {
    "addvalue": ("analytics", "personalization", "marketing"),
    "unofficial_communities": ("telemetry", "whatsapp_activity"),
}


@pytest.fixture(scope="module")
def calls(suite: Suite) -> Iterator[SuiteCalls]:
    with suite_calls(suite) as opened:
        yield opened


@pytest.fixture(scope="module")
def catalogs() -> Mapping[str, Catalog]:
    return load_catalogs(REPOSITORY / "catalogs")


def _event(catalog: Catalog, document: Mapping[str, object]) -> event_pb2.Event:
    # Examples share ids with one another ("uuid", "event-123"): each comes as a first time.
    envelope = {**to_envelope(catalog, document), "event_id": ""}
    return event_from_envelope(envelope)


def _grant_everything(calls: SuiteCalls, app_id: str, event: event_pb2.Event) -> None:
    if event.subject_id and app_id in PURPOSES:
        calls.record_consent(app_id, event.subject_id, **dict.fromkeys(PURPOSES[app_id], True))
    elif event.subject_id and app_id == "mlc_lms":
        calls.record_consent(app_id, event.subject_id, "from_13")


def test_every_example_is_accepted_and_stored(
    calls: SuiteCalls, catalogs: Mapping[str, Catalog]
) -> None:
    sent: dict[str, tuple[str, str]] = {}
    for number, (app_id, title, document) in enumerate(EXAMPLES):
        event = _event(catalogs[app_id], document)
        event.event_id = f"example-{number:03}"
        _grant_everything(calls, app_id, event)
        response = calls.track(app_id, event)
        said = [str(describe_status(result.status)) for result in response.results]
        # A sampled kind may be left out; that is no rejection.
        assert response.counts in (pb.VerdictCounts(accepted=1), pb.VerdictCounts(sampled=1)), (
            app_id,
            title,
            said,
        )
        if response.counts.accepted:
            sent[event.event_id] = (app_id, event.name)
    rows = calls.stored("event_id, app_id, name", list(sent))
    assert {row[0]: (row[1], row[2]) for row in rows} == sent
    assert len(sent) > 0.9 * len(EXAMPLES)


def test_without_consent_the_examples_of_addvalue_are_dropped(
    calls: SuiteCalls, catalogs: Mapping[str, Catalog]
) -> None:
    examples = [document for app_id, _, document in EXAMPLES if app_id == "addvalue"]
    verdicts: Counter[int] = Counter()
    for number, document in enumerate(examples):
        event = _event(catalogs["addvalue"], document)
        event.event_id = f"unasked-{number:03}"
        event.subject_id = "somebody who was never asked"
        purpose = catalogs["addvalue"].events[event.name].purpose
        response = calls.track("addvalue", event)
        assert response.counts.dropped == (purpose is not None), event.name
        verdicts[response.counts.dropped] += 1
    assert verdicts[1] > 0


def test_ids_as_the_documents_write_them(
    calls: SuiteCalls, catalogs: Mapping[str, Catalog]
) -> None:
    titles = ("Event Core Schema", "3.2 Signup completed", "View Event")
    for app_id, title, document in EXAMPLES:
        if title in titles:
            event = event_from_envelope(to_envelope(catalogs[app_id], document))
            # At the documents' own times some are old enough to lose their person.
            event.occurred_at.GetCurrentTime()
            _grant_everything(calls, app_id, event)
            assert calls.track(app_id, event).counts.accepted == 1
    wanted = [
        ("mlc_lms", "evt_1234567890abcdef", "usr_12345", "org_54321"),
        ("social_live", "uuid", "user-123", None),
        ("unofficial_communities", None, "12345", "1"),
    ]
    statement = (
        "SELECT app_id, event_id, subject_id, group_id FROM enrich.events WHERE event_id IN"
        " ('evt_1234567890abcdef', 'uuid')"
        " OR event_uuid = '550e8400-e29b-41d4-a716-446655440000' ORDER BY app_id"
    )
    eventually(lambda: len(calls.query(statement)) >= 3)
    assert calls.query(statement) == wanted
