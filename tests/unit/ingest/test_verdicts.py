"""The domain's numbers are the protocol's."""

from weir.ingest.v1 import ingest_service_pb2 as pb

from services.ingest.intake.model import Verdict


def test_verdicts() -> None:
    expected = {f"VERDICT_{verdict.name}": int(verdict) for verdict in Verdict}
    assert dict(pb.Verdict.items()) == {"VERDICT_UNSPECIFIED": 0, **expected}
    assert {field.name for field in pb.VerdictCounts.DESCRIPTOR.fields} == {
        verdict.name.lower() for verdict in Verdict
    }
