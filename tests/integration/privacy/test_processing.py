"""`weir privacy describe` and DescribeProcessing of a running service."""

import asyncio
import json
from pathlib import Path

import grpc
import pytest
from typer.testing import CliRunner
from weir.privacy.v1 import privacy_service_pb2 as pb

from cli.main import app
from libs.catalog import load_catalogs
from services.privacy.transparency.markdown import markdown
from services.privacy.transparency.processing import describe
from tests.integration.privacy.conftest import APP, Privacy
from tests.support.rejections import reason_of
from tests.support.repository import REPOSITORY


async def test_what_an_app_does(privacy: Privacy) -> None:
    answer = await privacy.stub.DescribeProcessing(
        pb.DescribeProcessingRequest(app_id=APP), timeout=20
    )
    [telemetry] = answer.processing
    assert (telemetry.purpose, telemetry.granted_by_default) == ("telemetry", True)
    assert telemetry.legal_ground.startswith("Consent")
    events = {event.name for category in telemetry.categories for event in category.events}
    catalog = load_catalogs(REPOSITORY / "catalogs")[APP]
    assert events == set(catalog.events)
    assert answer.markdown == markdown(describe(catalog))
    assert answer.markdown.startswith(f"# What {answer.title} does with personal data\n")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await privacy.stub.DescribeProcessing(
            pb.DescribeProcessingRequest(app_id="none"), timeout=20
        )
    assert reason_of(caught.value)[:2] == ("NOT_FOUND", "APP_UNKNOWN")


async def test_the_command_prints_markdown_or_json(home: Path, privacy: Privacy) -> None:
    def run(*more: str) -> str:
        found = CliRunner().invoke(app, ["privacy", "describe", "--app", APP, *more])
        assert found.exit_code == 0, found.output
        return found.stdout

    page = await asyncio.to_thread(run)
    assert page.startswith("# What ")
    plain = json.loads(await asyncio.to_thread(run, "--json"))
    assert plain.keys() == {"title", "catalog_version", "processing", "rules"}
    [telemetry] = plain["processing"]
    assert telemetry["purpose"] == "telemetry"
    assert all(event["name"] in page for event in telemetry["categories"][0]["events"])
