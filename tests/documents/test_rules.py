"""What the requirement documents say about consent, retention, sampling and versions."""

from collections.abc import Mapping

import pytest

from libs.catalog import Catalog, Subjectless, WhenDenied, load_catalogs
from tests.support.repository import REPOSITORY

CATALOGS = REPOSITORY / "catalogs"


@pytest.fixture(scope="module")
def catalogs() -> Mapping[str, Catalog]:
    return load_catalogs(CATALOGS)


@pytest.mark.parametrize(
    ("app_id", "name", "raw_days", "aggregate_days"),
    [
        ("unofficial_communities", "system.startup", 30, 30),
        ("unofficial_communities", "user.login.failed", 730, 730),
        ("unofficial_communities", "gamification.xp.awarded", 90, 1825),
        ("unofficial_communities", "world.zone.entered", 90, 90),
        ("mlc_lms", "game_stage_complete", 2555, 2555),
        ("mlc_lms", "message_sent", 2555, 2555),
        ("mlc_lms", "cdn_status", 365, 365),
        ("addvalue", "microact_created", 90, 730),
        ("social_live", "view", 90, 1825),
    ],
)
def test_retention(
    catalogs: Mapping[str, Catalog], app_id: str, name: str, raw_days: int, aggregate_days: int
) -> None:
    event = catalogs[app_id].events[name]
    assert event.raw_retention_days == raw_days
    assert event.category.aggregate_retention_days == aggregate_days


def test_social_live_keeps_hourly_numbers_for_one_year_and_daily_ones_for_five(
    catalogs: Mapping[str, Catalog],
) -> None:
    rollups = catalogs["social_live"].rollups
    assert rollups["events"].cell_retention_days == 365
    assert rollups["revenue"].cell_retention_days == 1825


def test_raw_events_are_kept_for_days(catalogs: Mapping[str, Catalog]) -> None:
    """UC003, UC005, UC007, UC010, LMS041, LMS042, LMS097, LMS098, SL052."""
    communities, learning = catalogs["unofficial_communities"], catalogs["mlc_lms"]
    periods = {name: found.raw_retention_days for name, found in communities.categories.items()}
    assert [periods[name] for name in ("system", "security", "business", "product")] == [
        30,
        730,
        90,
        90,
    ]
    # Standard unless its `privacy_level` says otherwise, but for those of the system.
    system = ("performance", "errors", "health")
    assert {name: each.raw_retention_days for name, each in learning.categories.items()} == {
        name: 365 if name in system else 2555 for name in learning.categories
    }
    assert learning.privacy_levels == {"sensitive": 1095, "pii": 365}
    assert catalogs["social_live"].categories["interaction"].raw_retention_days == 90


def test_identities_are_anonymized_after_90_days(catalogs: Mapping[str, Catalog]) -> None:
    events = catalogs["unofficial_communities"].events
    for name in ("user.signup.completed", "world.zone.entered", "whatsapp.message.sent"):
        assert events[name].category.anonymize_after_days == 90


def test_telemetry_refused_is_anonymized(catalogs: Mapping[str, Catalog]) -> None:
    purpose = catalogs["unofficial_communities"].events["world.zone.entered"].purpose
    assert purpose is not None
    # No answer counts as a rejection: UC093, decided for the safer mistake.
    assert not purpose.default_granted
    assert purpose.when_denied is WhenDenied.ANONYMIZE


def test_whatsapp_needs_explicit_consent(catalogs: Mapping[str, Catalog]) -> None:
    events = catalogs["unofficial_communities"].events
    whatsapp = [event for name, event in events.items() if name.startswith("whatsapp.")]
    assert len(whatsapp) == 5
    for event in whatsapp:
        assert event.purpose is not None
        assert event.purpose.name == "whatsapp_activity"
        assert not event.purpose.default_granted
        assert event.purpose.when_denied is WhenDenied.DROP


def test_whatsapp_content_is_refused(catalogs: Mapping[str, Catalog]) -> None:
    version = catalogs["unofficial_communities"].events["whatsapp.message.sent"].latest
    counts = {"community_id": 1, "timestamp_bucket": "2026-01-14"}
    assert version.is_valid(counts)
    assert not version.is_valid({**counts, "text": "see you at eight"})


def test_the_first_zone_after_connecting_has_no_zone_before(
    catalogs: Mapping[str, Catalog],
) -> None:
    """Document 000, section 2.4: `world.zone.entered` ("Entered zone") always has the properties
    `{ zone_type, from_zone, community_id }`, and follows `world.session.started` ("Connected to room"),
    before which there is no zone. Section 3.2 writes what there is not as null (`"identity_id": null`).
    """
    version = catalogs["unofficial_communities"].events["world.zone.entered"].latest
    entered: dict[str, object] = {"zone_type": "central_hub", "from_zone": None, "community_id": 1}
    assert version.violations(entered) == []
    assert version.is_valid(entered)
    assert version.is_valid({**entered, "from_zone": "portal_nw"})
    # The zone that is entered is never missing, and both are one of the 13 canonical ids.
    assert not version.is_valid({**entered, "zone_type": None})
    for wrong in ("the_moon", 5, True, ["central_hub"]):
        [violation] = version.violations({**entered, "from_zone": wrong})
        assert violation.field == "properties.from_zone"
        assert violation.reason.startswith("must be one of central_hub, workshop, social_east")


def test_whatsapp_counts_have_no_place_for_content(catalogs: Mapping[str, Catalog]) -> None:
    catalog = catalogs["unofficial_communities"]
    assert catalog.purposes["whatsapp_activity"].subjectless is Subjectless.DROP
    whatsapp = [event for name, event in catalog.events.items() if name.startswith("whatsapp.")]
    for event in whatsapp:
        assert event.counts_only
        for name in event.latest.schema["properties"]:  # type: ignore[attr-defined]
            content = {"community_id": 1, name: "see you at eight"}
            assert not event.latest.is_valid(content), (event.name, name)
    message = catalog.events["whatsapp.message.sent"].latest
    assert message.is_valid({"timestamp_bucket": "2026-01-14"})
    for bucket in ("2026-01-14T12", "2026-01-14T12:00:00.000Z", "2026-02-30", 20467):
        assert not message.is_valid({"timestamp_bucket": bucket})


def test_categories_that_ask_for_no_consent_say_on_which_ground(
    catalogs: Mapping[str, Catalog],
) -> None:
    for catalog in catalogs.values():
        for event in catalog.events.values():
            assert event.purpose is not None or event.category.legal_ground, event.name


def test_addvalue_keeps_the_country_of_those_who_granted_personalization(
    catalogs: Mapping[str, Catalog],
) -> None:
    purpose = catalogs["addvalue"].location_purpose
    assert purpose is not None
    assert purpose.name == "personalization"


def test_addvalue_erases_at_once(catalogs: Mapping[str, Catalog]) -> None:
    """AV-120, AV-123, AV-124: with the request; events stay for the numbers, nothing is kept as it is."""
    erasure = catalogs["addvalue"].erasure
    assert (erasure.grace_seconds, dict(erasure.kept)) == (0, {})
    assert erasure.anonymizes_events
    # In all other documents a person's events are deleted.
    others = [each for app_id, each in catalogs.items() if app_id != "addvalue"]
    assert not any(each.erasure.anonymizes_events for each in others)


def test_addvalue_collects_nothing_without_consent(catalogs: Mapping[str, Catalog]) -> None:
    catalog = catalogs["addvalue"]
    assert set(catalog.purposes) == {"analytics", "personalization", "marketing"}
    for event in catalog.events.values():
        if event.name == "user_consent_update":
            assert event.purpose is None
        else:
            assert event.purpose is not None
            assert not event.purpose.default_granted
            assert event.purpose.when_denied is WhenDenied.DROP
            assert event.purpose.subjectless is Subjectless.DROP


def test_lms_sampling(catalogs: Mapping[str, Catalog]) -> None:
    events = catalogs["mlc_lms"].events
    sampled = {name: dict(event.sampling) for name, event in events.items() if event.sampling}
    assert sampled == {
        "page_view": {"production": 0.01},
        "page_load_time": {"production": 0.1},
        "api_response_time": {"production": 0.1},
        "asset_load_time": {"production": 0.1},
    }


def test_lms_marked_events_are_kept_for_a_shorter_time(catalogs: Mapping[str, Catalog]) -> None:
    assert dict(catalogs["mlc_lms"].privacy_levels) == {"sensitive": 1095, "pii": 365}


def test_presence_is_sampled(catalogs: Mapping[str, Catalog]) -> None:
    presence = catalogs["unofficial_communities"].events["world.presence.updated"]
    assert presence.sampling["production"] < 1


def test_social_live_has_both_schema_versions(catalogs: Mapping[str, Catalog]) -> None:
    events = catalogs["social_live"].events
    for event in events.values():
        assert list(event.versions) == ["1.0.0", "1.1.0"]
        assert event.latest.version == "1.1.0"
    # Fields that the document lists for 1.0.0.
    assert events["view"].versions["1.0.0"].schema["required"] == ["contentType", "contentId"]
    assert events["engagement"].versions["1.0.0"].schema["required"] == [
        "action",
        "targetType",
        "targetId",
    ]


def test_dedupe_window_is_24_hours(catalogs: Mapping[str, Catalog]) -> None:
    assert {catalog.dedupe_window_seconds for catalog in catalogs.values()} == {86_400}


def test_who_refused_cannot_count_twice_as_active(catalogs: Mapping[str, Catalog]) -> None:
    """Events without a purpose keep the id, anonymized ones have a pseudonym: never mix them."""
    for catalog in catalogs.values():
        names = catalog.rollups["activity"].events
        assert len({catalog.events[name].purpose is None for name in names}) == 1
