"""IP assets: the 16 event types, what validates them, and what they need beside a catalog."""

from collections.abc import Mapping
from typing import Any

import pytest

from services.ingest.intake.model import Rejection, Verdict
from tests.support.documents.event_names import IP_ASSETS as NAMES
from tests.support.documents.event_properties import IP_ASSETS as PROPERTIES
from tests.support.documents.shipped import catalogs, ingest_of, shipped_event
from tests.support.repository import REPOSITORY

APP = "ip_assets"


async def _answer(
    name: str, properties: Mapping[str, object], **fields: Any
) -> tuple[Verdict, Rejection | None]:
    """What becomes of an event, and why."""
    outcome = await ingest_of(APP).take(shipped_event(name, properties, "frontend", **fields))
    letter = outcome.rejections.get(0)
    return outcome.verdicts[0], letter.rejection if letter else None


@pytest.mark.parametrize("name", NAMES)
async def test_each_of_the_16_types_is_taken_with_its_props(name: str) -> None:
    assert await _answer(name, PROPERTIES[name]) == (Verdict.ACCEPTED, None)
    declared = catalogs()[APP].events[name].latest.schema.get("properties", {})
    assert isinstance(declared, dict)
    assert set(PROPERTIES[name]) <= set(declared)


# Of each property a value that cannot be meant. Ids and free texts of any kind have none but a wrong type.
WRONG: dict[str, object] = {
    "fileSize": -1,
    "mimeType": 5,
    "assetType": None,
    "projectId": ["prj_1"],
    "view_duration_ms": "long",
    "referrer": {},
    "approvedBy": 1.5,
    "signedBy": {},
    "signatureMethod": True,
    "amount_cents": 10.5,
    "payment_method": 3,
    "recipientId": [],
    "reason": 4,
    "loginMethod": 0,
    "success": "yes",
    "query": 7,
    "resultCount": -3,
}


@pytest.mark.parametrize(
    ("name", "field"),
    [(name, field) for name, properties in PROPERTIES.items() for field in properties],
)
async def test_props_are_validated_by_the_rules_of_their_type(name: str, field: str) -> None:
    verdict, rejection = await _answer(name, {**PROPERTIES[name], field: WRONG[field]})
    assert verdict is Verdict.REJECTED
    assert rejection is not None
    assert (rejection.reason, rejection.field) == ("PROPERTIES_INVALID", f"properties.{field}")


@pytest.mark.parametrize(
    ("fields", "reason", "field"),
    [
        ({"name": "asset_burned"}, "EVENT_UNKNOWN", "name"),
        ({"event_id": ""}, "FIELD_INVALID", "event_id"),
        ({"session_id": "s" * 129}, "FIELD_INVALID", "session_id"),
        ({"entity": {"type": "asset", "id": "a\x00"}}, "FIELD_INVALID", "entity.id"),
    ],
)
async def test_shape_and_type_are_validated(
    fields: dict[str, Any], reason: str, field: str
) -> None:
    verdict, rejection = await _answer(fields.pop("name", "asset_viewed"), {}, **fields)
    assert verdict is Verdict.REJECTED
    assert rejection is not None
    assert (rejection.reason, rejection.field) == (reason, field)


@pytest.mark.parametrize(
    ("moved_seconds", "taken"), [(0, True), (590, True), (610, False), (-(10**9), False)]
)
async def test_a_time_must_be_believable(moved_seconds: int, taken: bool) -> None:
    event = shipped_event("asset_viewed", {}, "frontend")
    event.occurred_at.seconds += moved_seconds
    outcome = await ingest_of(APP).take(event)
    assert outcome.verdicts == [Verdict.ACCEPTED if taken else Verdict.REJECTED]
    if not taken:
        assert outcome.rejections[0].rejection.reason == "CLOCK_OUT_OF_RANGE"


def test_no_migration_knows_a_product() -> None:
    migrations = list((REPOSITORY / "migrations").rglob("*.py"))
    assert migrations
    for file in migrations:
        assert not [app_id for app_id in catalogs() if app_id in file.read_text()], file
