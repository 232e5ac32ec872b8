"""A person with grpcurl: list, track, check, stream, by reflection only."""

import json
import os
import re
import shutil
import subprocess
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from suite.supervisor import Suite
from tests.support.repository import REPOSITORY
from tests.support.suite_calls import suite_calls

pytestmark = pytest.mark.xdist_group("suite")
Grpcurl = Callable[..., list[Any]]


def _find() -> str | None:
    if found := shutil.which("grpcurl"):
        return found
    folder = os.environ.get("GOPATH") or str(Path.home() / "go")
    return shutil.which("grpcurl", path=str(Path(folder) / "bin"))


@pytest.fixture
def grpcurl(suite: Suite) -> Grpcurl:
    """Calls a service with the suite's token; returns the JSON objects that it prints, or the lines."""
    program = _find()
    if program is None:
        pytest.skip("grpcurl is neither on PATH nor in GOPATH/bin")
    with suite_calls(suite) as calls:
        calls.record_consent("unofficial_communities", "12345", telemetry=True)

    def call(service: str, *arguments: str, stdin: str = "", as_json: bool = True) -> list[Any]:
        token = f"authorization: Bearer {suite.addresses.token}"
        address = suite.addresses.services[service]
        *options, last = arguments
        run = subprocess.run(
            [program, "-plaintext", "-H", token, *options, address, *last.split()],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert run.returncode == 0, run.stderr
        return _objects(run.stdout) if as_json else run.stdout.split()

    return call


def _objects(text: str) -> list[Any]:
    decoder, objects = json.JSONDecoder(object_hook=_with_proto_names), []
    while text := text.lstrip():
        # Versions of grpcurl differ: field names come as `maxEvents` or as `max_events`.
        found, end = decoder.raw_decode(text)
        objects.append(found)
        text = text[end:]
    return objects


def _with_proto_names(found: dict[str, Any]) -> dict[str, Any]:
    return {re.sub("(?<=[a-z])[A-Z]", lambda m: f"_{m[0].lower()}", k): v for k, v in found.items()}


def _event(**fields: Any) -> dict[str, Any]:
    return {
        "event_id": f"grpcurl-{uuid.uuid4()}",
        "name": "world.zone.entered",
        "occurred_at": datetime.now(UTC).isoformat(),
        "subject_id": "12345",
        # Sampled in production.
        "environment": "ENVIRONMENT_DEVELOPMENT",
        "properties": {"zone_type": "workshop", "community_id": 1},
        **fields,
    }


def test_services_are_listed_and_described(grpcurl: Grpcurl) -> None:
    # As the README shows them.
    listed = grpcurl("ingest", "list", as_json=False)
    assert listed == [
        "grpc.health.v1.Health",
        "grpc.reflection.v1.ServerReflection",
        "grpc.reflection.v1alpha.ServerReflection",
        "weir.ingest.v1.DeadLetterService",
        "weir.ingest.v1.IngestService",
        "weir.privacy.v1.RetentionTargetService",
        "weir.privacy.v1.SubjectDataService",
    ]
    assert "\n".join(listed) in (REPOSITORY / "README.md").read_text()
    described = " ".join(grpcurl("ingest", "describe weir.ingest.v1.IngestService", as_json=False))
    for method in ("TrackEvent", "TrackBatch", "StreamEvents"):
        assert f"rpc {method} (" in described
    for name in listed[1:3]:
        assert "rpc ServerReflectionInfo" in " ".join(
            grpcurl("ingest", f"describe {name}", as_json=False)
        )


def test_an_event_is_tracked(grpcurl: Grpcurl) -> None:
    body = json.dumps({"app_id": "unofficial_communities", "event": _event()})
    method = "weir.ingest.v1.IngestService/TrackEvent"
    assert grpcurl("ingest", "-d", body, method) == [{"verdict": "VERDICT_ACCEPTED"}]
    assert grpcurl("ingest", "-d", body, method) == [{"verdict": "VERDICT_DUPLICATE"}]


def test_a_refused_event_says_why(grpcurl: Grpcurl) -> None:
    event = _event(properties={"zone_type": "moon"})
    body = json.dumps({"app_id": "unofficial_communities", "event": event})
    [answer] = grpcurl("ingest", "-d", body, "weir.ingest.v1.IngestService/TrackEvent")
    assert answer["verdict"] == "VERDICT_REJECTED"
    details = {detail["@type"].rsplit(".", 1)[1]: detail for detail in answer["status"]["details"]}
    assert details["ErrorInfo"]["reason"] == "PROPERTIES_INVALID"
    assert details["BadRequest"]["field_violations"][0]["field"] == "properties.zone_type"
    assert uuid.UUID(answer["dead_letter_id"])


def test_a_consent_is_checked(grpcurl: Grpcurl) -> None:
    body = '{"app_id": "unofficial_communities", "subject_id": "12345", "purpose": "telemetry"}'
    answer = grpcurl("privacy", "-d", body, "weir.privacy.v1.PrivacyService/CheckConsent")
    [version] = [one.pop("consent_version") for one in answer]
    assert int(version) > 0
    assert answer == [
        {
            "decision": "DECISION_ALLOW",
            "recorded": True,
            "status": "CONSENT_STATUS_GRANTED",
            "reason": "DECISION_REASON_ANSWER",
        }
    ]
    body = body.replace("12345", "never-asked")
    answer = grpcurl("privacy", "-d", body, "weir.privacy.v1.PrivacyService/CheckConsent")
    assert answer == [
        {
            "decision": "DECISION_ANONYMIZE",
            "status": "CONSENT_STATUS_UNKNOWN",
            "reason": "DECISION_REASON_DEFAULT",
        }
    ]


def test_a_stream_is_held(grpcurl: Grpcurl) -> None:
    messages = [
        {"settings": {"app_id": "unofficial_communities", "producer": "PRODUCER_SERVER"}},
        {"frame": {"sequence": 1, "events": [_event(), _event(properties={"zone_type": "moon"})]}},
        {"frame": {"sequence": 2, "events": [_event()]}},
    ]
    limits, first, second = grpcurl(
        "ingest",
        "-d",
        "@",
        "weir.ingest.v1.IngestService/StreamEvents",
        stdin="\n".join(map(json.dumps, messages)),
    )
    assert limits["limits"]["max_events"] == 1000
    assert first["ack"]["sequence"] == "1"
    assert first["ack"]["counts"] == {"accepted": 1, "rejected": 1}
    assert [result["index"] for result in first["ack"]["results"]] == [1]
    assert second["ack"]["counts"] == {"accepted": 1}
