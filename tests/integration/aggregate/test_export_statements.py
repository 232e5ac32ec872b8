"""Exports as xAPI statements against a running service."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner
from weir.aggregate.v1 import event_query_pb2 as pb

from cli.main import app
from tests.integration.aggregate.conftest import Aggregate, Stores
from tests.integration.aggregate.test_export_events import call, exported, refused
from tests.support.pseudonyms import PSEUDONYMS
from tests.support.rejections import reason_of
from tests.support.stored_events import row, store

APP = "mlc_lms"
XAPI = pb.EXPORT_FORMAT_XAPI
STAGE = {"game_id": "G-01542", "stage_id": "G-01542-quiz", "score": 87}


@pytest.fixture
def products() -> Sequence[str]:
    return (APP,)


@pytest.fixture
def stored(stores: Stores) -> None:
    events: list[tuple[str, str | None, dict[str, Any]]] = [
        ("game_stage_complete", "ann", STAGE),
        # The last ones of the name are no statements.
        ("game_stage_complete", "ann", {"score": 1}),
        ("game_stage_complete", None, STAGE),
        ("game_stage_start", "bob", STAGE),
        ("page_view", "ann", {}),
    ]
    rows = [
        row(name, f"2026-04-27T10:00:0{n}.25", f"e{n}", app_id=APP, subject_id=subject_id,
            group_id="org-1", properties=properties, context={"assignment_id": "asg_789"})
        for n, (name, subject_id, properties) in enumerate(events)
    ]  # fmt: skip
    store(stores.database_url, rows)


async def lines(aggregate: Aggregate, **fields: Any) -> list[Any]:
    data = await exported(aggregate, **{"app_id": APP, "format": XAPI, **fields})
    return [json.loads(line) for line in data.splitlines()]


async def test_statements(stores: Stores, aggregate: Aggregate, stored: None) -> None:
    found = await lines(aggregate)
    stages = [(one["verb"]["display"]["en"], one["timestamp"]) for one in found]
    assert stages == [
        ("completed", "2026-04-27T10:00:00.25+00:00"),
        ("initialized", "2026-04-27T10:00:03.25+00:00"),
    ]
    ids = [str(uuid) for (uuid,) in stores.sql(
        "SELECT event_uuid FROM enrich.events WHERE event_id IN ('e0', 'e3') ORDER BY event_id"
    )]  # fmt: skip
    assert [one["id"] for one in found] == ids
    names = [one["actor"]["account"]["name"].replace("-", "") for one in found]
    assert names == [PSEUDONYMS.pseudonym(APP, person) for person in ("ann", "bob")]
    # Along another index, and with a filter.
    assert await lines(aggregate, filter="group_id = org-1") == found
    assert await lines(aggregate, filter="context.assignment_id = asg_1") == []


async def test_a_cut_export_goes_on(aggregate: Aggregate, stored: None) -> None:
    options = {"app_id": APP, "format": XAPI}
    whole = await exported(aggregate, **options)
    file, token = b"", ""
    while True:
        response = await call(aggregate, **options, resume_token=token).read()
        if response.last:
            break
        file, token = file + response.data, response.resume_token
    assert file == whole


async def test_the_command(aggregate: Aggregate, stored: None, home: Path, tmp_path: Path) -> None:
    file = tmp_path / "statements.jsonl"
    words = ["export", "--app", APP, "--format", "xapi", "--output", str(file)]
    done = await asyncio.to_thread(lambda: CliRunner().invoke(app, words))
    assert (done.exit_code, done.stderr) == (0, f"2 statements in {file}\n")
    assert file.read_bytes() == await exported(aggregate, app_id=APP, format=XAPI)


async def test_what_cannot_be_asked(aggregate: Aggregate) -> None:
    arena = await refused(aggregate, format=XAPI)
    assert reason_of(arena) == ("INVALID_ARGUMENT", "ARGUMENT_INVALID", "format")
    without = await refused(aggregate, app_id=APP, format=XAPI, without_personal_data=True)
    assert reason_of(without) == ("INVALID_ARGUMENT", "ARGUMENT_INVALID", "without_personal_data")
