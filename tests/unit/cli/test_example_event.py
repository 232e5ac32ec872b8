"""The event that `weir up` prints is one that ingest takes."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format
from weir.ingest.v1.ingest_service_pb2 import TrackEventRequest

from cli.example_event import example_event
from libs.catalog import load_catalogs
from tests.support.repository import REPOSITORY
from tests.support.screening import screened_frame

DEMANDING = """
app_id: demanding
title: Demanding
subject: {name: player_id}
purposes:
  asked: {default: denied, when_denied: drop}
categories:
  asked: {pii: anonymized, purpose: asked, producers: [server], retention: {raw: keep, aggregate: keep}}
  free: {pii: none, producers: [server], retention: {raw: keep, aggregate: keep}}
  sampled:
    pii: none
    producers: [server]
    retention: {raw: keep, aggregate: keep}
    sampling: {development: 0.1}
events:
  consented: {category: asked, description: Dropped until the person agrees}
  sometimes: {category: sampled, description: Not always kept}
  cannot_be_guessed:
    category: free
    description: Its property follows a pattern
    properties:
      code: {type: string, pattern: "^[A-Z]{3}-[0-9]{4}$"}
    required: [code]
  demanding:
    category: free
    description: Needs properties of many kinds
    properties:
      mode: {enum: [duel, team]}
      level: {type: integer, minimum: 3}
      share: {type: number, exclusiveMinimum: 5}
      name: {type: string, minLength: 4}
      won: {type: boolean}
      at: {type: string, format: date-time}
      items: {type: array, minItems: 2, items: {type: string}}
      optional: {type: string}
    required: [mode, level, share, name, won, at, items]
"""


@pytest.mark.parametrize("app_id", sorted(f.stem for f in (REPOSITORY / "catalogs").glob("*.yaml")))
def test_each_shipped_app_has_one(app_id: str) -> None:
    _check(REPOSITORY / "catalogs", app_id)


def test_required_properties_are_there_and_what_would_not_be_stored_is_left_out(
    tmp_path: Path,
) -> None:
    (tmp_path / "demanding.yaml").write_text(DEMANDING)
    name, properties = _check(tmp_path, "demanding")
    assert name == "demanding"
    assert properties["mode"] == "duel"
    assert properties["level"] >= 3
    assert properties["share"] > 5
    assert "optional" not in properties


def test_the_event_that_needs_the_fewest_properties_is_taken() -> None:
    assert example_event(load_catalogs(REPOSITORY / "catalogs")["gamelaunch"]) == ("newPlayer", {})


def test_an_app_whose_events_all_need_consent_has_none(tmp_path: Path) -> None:
    (tmp_path / "demanding.yaml").write_text(DEMANDING[: DEMANDING.index("  sometimes:")])
    assert example_event(load_catalogs(tmp_path)["demanding"]) is None


def _check(folder: Path, app_id: str) -> tuple[str, dict[str, Any]]:
    catalog = load_catalogs(folder)[app_id]
    example = example_event(catalog)
    assert example is not None
    name, properties = example
    now = datetime.now(UTC)
    event = {
        "event_id": "e1",
        "name": name,
        "occurred_at": now.isoformat(),
        "subject_id": "7",
        "properties": properties,
    }
    request = json_format.Parse(json.dumps({"event": event}), TrackEventRequest())
    screening = screened_frame(catalog, int(now.timestamp() * 1_000_000), request.event).screening
    assert [candidate.event_id for candidate in screening.passed] == ["e1"], screening
    purpose = catalog.events[name].purpose
    assert purpose is None or purpose.default_granted
    return name, properties
