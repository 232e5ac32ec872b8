"""PreviewEnrichment through a real server: each step with what it finds, and nothing stored."""

import re
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from google.protobuf import json_format
from weir.common.v1 import event_pb2
from weir.enrich.v1 import enrich_service_pb2 as pb
from weir.enrich.v1 import enrich_service_pb2_grpc as pb_grpc

from libs.catalog import ENRICHED_FIELDS, ENRICHMENT_STEPS, Catalogs, Snapshot
from libs.common.sharding import shard_of
from libs.rpc.server import Binding, GrpcServer
from libs.runtime.settings import CommonSettings
from services.enrich.model import Session
from services.enrich.preview.preview import Preview
from services.enrich.preview.service import SERVICE_NAME, EnrichServicer
from services.enrich.steps.context_enrichment import ContextReaders
from services.enrich.steps.country import country_lookup
from services.enrich.steps.enricher import Enricher
from tests.support.enrich_batches import CONTEXT_STEPS, NOON_US, event
from tests.support.enrich_fakes import MemorySessionStore
from tests.support.rejections import reason_of
from tests.support.repository import REPOSITORY
from tests.support.small_catalog import small

TOKEN = "the-suite-token"
METADATA = (("authorization", f"Bearer {TOKEN}"),)
SHARDS = 4
CONTEXT = {
    "ip": "8.8.8.0",  # Google's DNS, in the United States
    "user_agent": "Mozilla/5.0 (Linux; Android 13; Pixel 7) AppleWebKit/537.36 "
    "(KHTML, like Gecko) Chrome/119.0.0.0 Mobile Safari/537.36",
}


class Served:
    """The enrich servicer on a server, with sessions in memory."""

    def __init__(self) -> None:
        self.catalogs = Catalogs.of(small())
        self.sessions = MemorySessionStore()
        preview = Preview(
            self.catalogs,
            Enricher(ContextReaders(CONTEXT_STEPS)),
            country_lookup(None),
            self.sessions,
            SHARDS,
        )
        binding = Binding(
            SERVICE_NAME,
            EnrichServicer(preview),
            pb_grpc.add_EnrichServiceServicer_to_server,
        )
        settings = CommonSettings.model_validate({"port": 0, "auth_token": TOKEN})
        self._server = GrpcServer(settings, [binding])

    async def __aenter__(self) -> "Served":
        await self._server.start()
        self._channel = grpc.aio.insecure_channel(f"127.0.0.1:{self._server.port}")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._channel.close()
        await self._server.stop(0)

    async def preview(
        self, sent: event_pb2.Event | None, app_id: str = "chess"
    ) -> dict[str, tuple[bool, dict[str, str]]]:
        """By step, in the order of the answer: whether it is switched on, and its fields."""
        stub: Any = pb_grpc.EnrichServiceStub(self._channel)
        request = pb.PreviewEnrichmentRequest(app_id=app_id, event=sent)
        response = await stub.PreviewEnrichment(request, metadata=METADATA)
        return {
            step.name: (step.enabled, {field.name: field.value for field in step.fields})
            for step in response.steps
        }


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    async with Served() as running:
        yield running


async def test_each_step_shows_what_it_finds(served: Served) -> None:
    found = await served.preview(event(session_id="s", context=CONTEXT))
    assert list(found) == list(ENRICHMENT_STEPS)
    expected = {
        "country": (True, {"country": "US"}),
        "user_agent": (
            True,
            {
                "device_type": "mobile",
                "os": "Android",
                "browser": "Chrome Mobile",
                "os_version": "13",
                "browser_version": "119.0.0",
                "device_brand": "Google",
                "device_model": "Pixel 7",
            },
        ),
        # The event is the first one that is known of the session.
        "session": (True, {"session_started_at": "2026-11-20T12:00:00Z"}),
    }
    assert {name: found[name] for name in expected} == expected


async def test_an_event_that_says_nothing_has_all_fields_empty(served: Served) -> None:
    found = await served.preview(event_pb2.Event())
    assert [enabled for enabled, _ in found.values()] == [True] * len(ENRICHMENT_STEPS)
    fields = {name: value for _, values in found.values() for name, value in values.items()}
    assert fields == dict.fromkeys((field.name for field in ENRICHED_FIELDS), "")


async def test_a_step_that_the_catalog_leaves_out_is_shown_as_switched_off(served: Served) -> None:
    sent = event(session_id="s", context=CONTEXT)
    served.catalogs.replace(Snapshot.of(small("enrichment: [country]\n")))
    found = await served.preview(sent)
    assert found.pop("country") == (True, {"country": "US"})
    assert {"user_agent", "session"} <= set(found)
    for enabled, fields in found.values():
        assert not enabled
        assert set(fields.values()) == {""}
    served.catalogs.replace(Snapshot.of(small("enrichment: []\n")))
    assert not any(enabled for enabled, _ in (await served.preview(sent)).values())


# The three keys lie in three shards.
@pytest.mark.parametrize(
    ("key", "fields"),
    [
        ("ann", {"subject_id": "ann", "anonymous_id": "anon"}),
        ("anon", {"anonymous_id": "anon"}),
        ("s", {}),
    ],
)
async def test_a_session_is_looked_up_in_the_shard_of_the_event_and_not_written(
    served: Served, key: str, fields: dict[str, Any]
) -> None:
    shard = shard_of("chess", key, SHARDS)
    began = Session(NOON_US - 1_500_000, "/", "")
    served.sessions.sessions["chess", shard, "s"] = began
    _, found = (await served.preview(event(session_id="s", **fields)))["session"]
    assert found == {"session_started_at": "2026-11-20T11:59:58.500Z"}
    # Neither an earlier event nor one of a new session is remembered.
    await served.preview(event(at_us=NOON_US - 9_000_000, session_id="s", **fields))
    await served.preview(event(session_id="new", **fields))
    assert served.sessions.sessions == {("chess", shard, "s"): began}


async def test_the_example_of_the_readme_is_answered_as_it_says(served: Served) -> None:
    page = (REPOSITORY / "services" / "enrich" / "README.md").read_text()
    [body] = re.findall(r"^  -d '(.+)'", page, re.MULTILINE)
    request = json_format.Parse(body, pb.PreviewEnrichmentRequest())
    assert (REPOSITORY / "catalogs" / f"{request.app_id}.yaml").is_file()
    found = await served.preview(request.event)
    [line] = re.findall(r'^    (\{"name": "country", .+\}),$', page, re.MULTILINE)
    shown = json_format.Parse(line, pb.StepPreview())
    fields = {field.name: field.value for field in shown.fields}
    assert found[shown.name] == (shown.enabled, fields) == (True, {"country": "US"})


@pytest.mark.parametrize(
    ("app_id", "sent", "reason"),
    [
        ("go", event(), ("NOT_FOUND", "APP_UNKNOWN", "")),
        ("chess", None, ("INVALID_ARGUMENT", "ARGUMENT_INVALID", "event")),
        ("chess", event(producer=99), ("INVALID_ARGUMENT", "ARGUMENT_INVALID", "event")),
    ],
)
async def test_what_cannot_be_previewed_says_why(
    served: Served, app_id: str, sent: event_pb2.Event | None, reason: tuple[str, str, str]
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await served.preview(sent, app_id)
    assert reason_of(failed.value) == reason
