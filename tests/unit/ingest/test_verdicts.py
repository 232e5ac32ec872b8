"""The domain's numbers are the protocol's."""

from weir.common.v1 import event_pb2
from weir.ingest.v1 import ingest_service_pb2 as pb

from services.ingest.intake import consent_gate
from services.ingest.intake.model import Verdict


def test_verdicts() -> None:
    expected = {f"VERDICT_{verdict.name}": int(verdict) for verdict in Verdict}
    assert dict(pb.Verdict.items()) == {"VERDICT_UNSPECIFIED": 0, **expected}
    assert {field.name for field in pb.VerdictCounts.DESCRIPTOR.fields} == {
        verdict.name.lower() for verdict in Verdict
    }


def test_privacy_levels() -> None:
    assert event_pb2.PRIVACY_LEVEL_PII == consent_gate.PRIVACY_LEVEL_PII
