"""The requirement documents' own example events are accepted as they are written."""

import copy
from collections.abc import Mapping

import pytest

from libs.catalog import Catalog, EnvelopeError, load_catalogs, to_envelope
from tests.support.documents.examples import EXAMPLES, example
from tests.support.repository import REPOSITORY
from weir_client import event_from_envelope

CATALOGS = REPOSITORY / "catalogs"


@pytest.fixture(scope="module")
def catalogs() -> Mapping[str, Catalog]:
    return load_catalogs(CATALOGS)


@pytest.mark.parametrize(
    ("app_id", "document"),
    [
        pytest.param(app_id, document, id=f"{app_id}: {title}")
        for app_id, title, document in EXAMPLES
    ],
)
def test_an_example_is_accepted(
    catalogs: Mapping[str, Catalog], app_id: str, document: dict[str, object]
) -> None:
    before = copy.deepcopy(document)
    catalog = catalogs[app_id]
    envelope = to_envelope(catalog, document)
    assert document == before
    event = catalog.events[str(envelope["name"])]
    version = event.version(str(envelope.get("schema_version", "")))
    assert version is not None
    properties = envelope["properties"]
    assert isinstance(properties, dict)
    assert version.violations(properties) == []
    assert version.is_valid(properties)
    assert envelope.get("producer", event.producers[0]) in event.producers


def test_what_a_sender_says_of_consent_is_read_and_kept(catalogs: Mapping[str, Catalog]) -> None:
    document = {
        "event_name": "post_liked",
        "user_id": "u-1",
        "privacy": {"consent_given": False, "ip_anonymized": True},
    }
    envelope = to_envelope(catalogs["addvalue"], document)
    assert envelope["consent_given"] is False
    assert envelope["context"] == {"extra": {"privacy": {"ip_anonymized": True}}}
    assert not event_from_envelope(envelope).consent_given
    assert event_from_envelope(envelope).HasField("consent_given")
    with pytest.raises(EnvelopeError, match=r"privacy\.consent_given: must be true or false"):
        to_envelope(catalogs["addvalue"], {**document, "privacy": {"consent_given": "no"}})


def test_the_signup_example_in_full(catalogs: Mapping[str, Catalog]) -> None:
    document = example("unofficial_communities", "3.2 Signup completed")
    assert to_envelope(catalogs["unofficial_communities"], document) == {
        "event_id": "550e8400-e29b-41d4-a716-446655440000",
        "name": "user.signup.completed",
        "occurred_at": "2026-01-14T12:30:00.000Z",
        "producer": "api",
        "environment": "production",
        "subject_id": "12345",
        # The document names the community among the properties only.
        "group_id": "1",
        "properties": {"has_avatar": True, "community_id": 1, "signup_duration_seconds": 180},
    }


def test_the_lms_example_in_full(catalogs: Mapping[str, Catalog]) -> None:
    document = example("mlc_lms", "Event Core Schema")
    assert to_envelope(catalogs["mlc_lms"], document) == {
        "event_id": "evt_1234567890abcdef",
        "name": "game_stage_complete",
        "occurred_at": "2025-01-27T14:30:45.123Z",
        "subject_id": "usr_12345",
        "session_id": "sess_67890abcdef",
        "group_id": "org_54321",
        "privacy_level": "standard",
        "retention_days": 2555,
        "context": {
            "user_agent": "Mozilla/5.0...",
            "platform": "desktop",
            "page_url": "/student/assignment-play",
            "referrer": "/student/dashboard",
            "assignment_id": "asg_789",
            "sequence_id": "seq_456",
            "extra": {"device_info": {"browser": "chrome", "version": "120.0.0.0"}},
        },
        "properties": document["properties"],
    }


def test_the_ip_assets_example_in_full(catalogs: Mapping[str, Catalog]) -> None:
    document = example("ip_assets", "eventIngestion.track.mutate")
    assert to_envelope(catalogs["ip_assets"], document) == {
        "name": "asset_viewed",
        "producer": "frontend",
        "entity": {"type": "asset", "id": "ast_1"},
        "session_id": "ses_1",
        "context": {"referrer": "https://www.google.com/"},
        "attribution": {"source": "google", "campaign": "spring_2024"},
        "idempotency_key": "0f8fad5b-d9cb-469f-a165-70867728950e",
        "properties": {"view_duration_ms": 5000, "referrer": "https://www.google.com/"},
    }


def test_the_view_example_in_full(catalogs: Mapping[str, Catalog]) -> None:
    document = example("social_live", "View Event")
    assert to_envelope(catalogs["social_live"], document) == {
        "event_id": "uuid",
        "name": "view",
        "schema_version": "1.1.0",
        "occurred_at": "2024-01-01T12:00:00Z",
        "subject_id": "user-123",
        "session_id": "session-456",
        "entity": {"type": "post", "id": "post-123"},
        "context": {"platform": "mobile"},
        "properties": document["data"],
    }
