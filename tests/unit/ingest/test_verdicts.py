"""The domain's numbers are the protocol's."""

from weir.common.v1 import event_pb2
from weir.ingest.v1 import ingest_service_pb2 as pb

from services.enrich import rows
from services.ingest import consent_gate, screening
from services.ingest.model import Verdict


def _names(enum: object, prefix: str) -> dict[int, str]:
    return {
        number: name.removeprefix(prefix).lower()
        for name, number in enum.items()  # type: ignore[attr-defined]
    }


def test_verdicts() -> None:
    expected = {f"VERDICT_{verdict.name}": int(verdict) for verdict in Verdict}
    assert dict(pb.Verdict.items()) == {"VERDICT_UNSPECIFIED": 0, **expected}
    assert {field.name for field in pb.VerdictCounts.DESCRIPTOR.fields} == {
        verdict.name.lower() for verdict in Verdict
    }


def test_producers() -> None:
    names = {**_names(event_pb2.Producer, "PRODUCER_"), 0: ""}
    assert names == screening.PRODUCERS
    assert names == dict(enumerate(rows.PRODUCERS))


def test_environments() -> None:
    # Not saying where from means production.
    names = {**_names(event_pb2.Environment, "ENVIRONMENT_"), 0: "production"}
    assert names == screening.ENVIRONMENTS
    assert names == dict(enumerate(rows.ENVIRONMENTS))


def test_privacy_levels() -> None:
    names = {**_names(event_pb2.PrivacyLevel, "PRIVACY_LEVEL_"), 0: ""}
    assert names == screening.PRIVACY_LEVELS
    assert event_pb2.PRIVACY_LEVEL_PII == consent_gate.PRIVACY_LEVEL_PII
