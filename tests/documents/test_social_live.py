"""The two schema versions that the document of Social Live states, side by side."""

from typing import Any

import orjson
import pytest

from libs.catalog import to_envelope
from tests.documents.screened import NOW, PASSED, answer, screened
from tests.support.clocks import NOW_US
from tests.support.consents import consent_text
from tests.support.documents.shipped import catalogs, ingest_of, shipped_event
from tests.support.ingest_pipeline import PSEUDONYMS
from weir_client import build_event, event_from_envelope

APP = "social_live"
# The fields that each version lists, with a value.
CORE: dict[str, dict[str, Any]] = {
    "view": {"contentType": "post", "contentId": "post-123"},
    "engagement": {"action": "like", "targetType": "post", "targetId": "post-123"},
}
# The fields that 1.1.0 adds: a right value and a wrong one.
ADDED: dict[str, dict[str, tuple[Any, Any]]] = {
    "view": {
        "viewDuration": (45, "45 s"),
        "scrollDepth": (0.8, 80),
        "metadata": ({"source": "feed"}, "feed"),
    },
    "engagement": {"metadata": ({"previousState": "unliked", "source": "feed"}, "feed")},
    "purchase": {"metadata": ({"source": "feed"}, "feed")},
    "stream": {"duration": (420, "7 min"), "metadata": ({"source": "feed"}, "feed")},
    "session": {"duration": (1_800, "30 min"), "metadata": ({"source": "feed"}, "feed")},
}
REQUIRED = {**CORE, "purchase": {"orderId": "order-789", "amount": 29.99}}


@pytest.mark.parametrize("version", ["1.0.0", "1.1.0"])
@pytest.mark.parametrize("name", CORE)
def test_both_versions_have_the_core_fields(name: str, version: str) -> None:
    core = CORE[name]
    assert answer(APP, name, core, schema_version=version) == PASSED
    for field in core:
        rest = {key: value for key, value in core.items() if key != field}
        assert answer(APP, name, rest, schema_version=version) == f"properties.{field}"
        wrong = {**core, field: 123}
        assert answer(APP, name, wrong, schema_version=version) == f"properties.{field}"


@pytest.mark.parametrize("name", ADDED)
def test_the_newer_version_adds_fields_and_the_older_one_does_not_look_at_them(name: str) -> None:
    core = REQUIRED.get(name, {})
    for field, (good, bad) in ADDED[name].items():
        assert answer(APP, name, {**core, field: good}, schema_version="1.1.0") == PASSED
        wrong = answer(APP, name, {**core, field: bad}, schema_version="1.1.0")
        assert wrong == f"properties.{field}"
        # An event that names no version is checked by the newest.
        assert answer(APP, name, {**core, field: bad}) == f"properties.{field}"
        # An event of 1.0.0 is checked by the rules of 1.0.0, which do not name the field.
        assert answer(APP, name, {**core, field: bad}, schema_version="1.0.0") == PASSED


def test_events_of_both_versions_pass_in_one_batch_and_keep_their_version() -> None:
    events = [
        build_event(
            name,
            event_id=f"{name}-{version}",
            properties=REQUIRED.get(name, {}),
            schema_version=version,
            occurred_at=NOW,
        )
        for name in ADDED
        for version in ("1.0.0", "1.1.0", "")
    ]
    assert len(screened(APP, *events).passed) == 15
    assert [event.schema_version for event in events] == 5 * ["1.0.0", "1.1.0", "1.1.0"]
    for name in ADDED:
        answered = answer(APP, name, REQUIRED.get(name, {}), schema_version="0.9.0")
        assert answered == "schema_version"


async def test_an_address_is_stored_nowhere_whole() -> None:
    """SL074: in its own field it is cut, elsewhere it is removed."""
    event = shipped_event(
        "view",
        {**CORE["view"], "metadata": {"ip": "203.0.113.77", "source": "feed"}},
        "frontend",
        subject_id="ann",
        context={"ip": "203.0.113.77"},
    )
    event.context.extra.update({"clientIp": "203.0.113.77"})
    ingest = ingest_of(APP, {"ann": consent_text(1, analytics=True)})
    await ingest.take(event)
    [stored] = ingest.stored()
    assert stored.context.ip == "203.0.113.0"
    assert orjson.loads(stored.properties_json)["metadata"] == {"ip": "[ip]", "source": "feed"}
    assert dict(stored.context.extra) == {"clientIp": "[ip]"}


async def test_the_follower_of_a_person_who_has_denied_stays_without_that_person() -> None:
    """SL075. So does a follow that is stored, after the erasure of the person: such apps are searched."""
    document = {
        "eventId": "e1",
        "eventType": "engagement",
        "userId": "ann",
        "source": "frontend",
        "data": {"action": "follow", "targetType": "user", "targetId": "bob"},
    }
    event = event_from_envelope(to_envelope(catalogs()[APP], document))
    event.occurred_at.FromMicroseconds(NOW_US)
    ingest = ingest_of(APP, {"bob": consent_text(1, analytics=False)})
    await ingest.take(event)
    [stored] = ingest.stored()
    assert (stored.subject_id, stored.entity.id) == ("ann", PSEUDONYMS.pseudonym(APP, "bob"))
    assert orjson.loads(stored.properties_json) == {"action": "follow", "targetType": "user"}
    assert catalogs()[APP].may_hold_others
